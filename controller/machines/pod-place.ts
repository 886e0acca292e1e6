import type { PodWanted } from '../../provider/machine-ports.ts'
import type { Diagnostic } from '../../provider/schema/model.ts'
import { problem } from '../../provider/schema/rules.ts'

/** What an operator says of pods, and what templates may have because of it. Pure. */

/** Beyond the restricted standard of Kubernetes: what an operator may allow templates. */
export const POD_ALLOWANCES = ['root', 'privileged', 'service-account'] as const

export interface PodPlace {
  /** Where pods go unless a template says otherwise. */
  readonly namespace: string
  /** All that a template may name. */
  readonly namespaces: readonly string[]
  readonly allowed: ReadonlySet<string>
  /** The image with the agent's program, which is copied from it; null: the pod fetches the program from the control plane. */
  readonly programImage: string | null
  /** Where agents in pods reach the control plane. */
  readonly url: string
  /** Whom they trust there besides those that their image knows, in PEM. */
  readonly authority: string | null
  /** Secrets of the pod's namespace with logins of registries; none: those of its service account. */
  readonly pullSecrets: readonly string[]
}

export function refusedOf(wanted: PodWanted, { namespace, namespaces, allowed }: PodPlace): readonly Diagnostic[] {
  const { security, serviceAccount } = wanted
  const chosen = wanted.namespace ?? namespace
  const asksFor = (what: string, allowance: (typeof POD_ALLOWANCES)[number]): Diagnostic[] =>
    allowed.has(allowance)
      ? []
      : [problem([allowance === 'service-account' ? 'service_account' : 'security_context'], `${what} not allowed`, notAllowed(allowance))]
  return [
    ...(chosen === namespace || namespaces.includes(chosen)
      ? []
      : [problem(['namespace'], 'Namespace not allowed', `Templates may use ${[namespace, ...namespaces].join(', ')}, not "${chosen}".`)]),
    ...(serviceAccount === null ? [] : asksFor('A service account is', 'service-account')),
    ...(security.runAsNonRoot && security.runAsUser !== 0 ? [] : asksFor('Root is', 'root')),
    ...(security.privileged ||
    security.allowPrivilegeEscalation ||
    security.addCapabilities.length > 0 ||
    security.seccomp !== 'RuntimeDefault'
      ? asksFor('More than the restricted standard is', 'privileged')
      : []),
  ]
}

const notAllowed = (allowance: string): string =>
  `The operator of this provisioner does not allow it. BOTHY_POD_ALLOW=${allowance} in its environment does.`
