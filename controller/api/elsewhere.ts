import { isJsonObject } from '../../crds/schema/types.ts'
import type { Draft } from '../cluster/port.ts'
import { Refused } from '../kernel/errors.ts'
import { refuseWithoutRight } from './guard.ts'
import type { Call, Target } from './ports.ts'

/**
 * In a cluster what is declared is its API server's: whoever asks us for it is told where it is. The page alone is served it
 * here, with the rights of whoever signed in, since a browser reaches no API server; which requests those are is what a
 * session may at all.
 */
export function refuseElsewhere({ ports, caller, method, path }: Call, target: Target | null): void {
  const { objectsAt } = ports
  if (objectsAt === undefined || caller.session) return
  if (target ? isObject(target) : isOfKubernetes(path))
    throw new Refused(
      target ? 'MethodNotAllowed' : 'NotFound',
      `what is declared is kept by the API server of the cluster, ${objectsAt}: ${method} ${path} is asked there, as kubectl does`,
    )
}

const isObject = ({ subresource }: Target): boolean => subresource === null || subresource === 'status'

/** Discovery, and what else an API server answers about itself. */
const isOfKubernetes = (path: string): boolean => /^\/(?:api|apis|openapi)(?:\/|$)/.test(path)

/**
 * What the page asks for there is written in the control plane's own name, which the policy about requests lets through: it is
 * judged here as that policy judges everybody's. What is somebody else's needs the right to change that workspace.
 */
export async function refuseForeignRequest({ ports, caller }: Call, { kind }: Target, { metadata, spec }: Draft): Promise<void> {
  if (ports.objectsAt === undefined || !caller.session || kind.kind !== 'WorkspaceRequest') return
  const asked = isJsonObject(spec) ? spec['workspace'] : undefined
  const [namespace, name] = [metadata.namespace ?? '', typeof asked === 'string' ? asked : '']
  const workspace = name === '' ? null : await ports.cluster.get('Workspace', namespace, name)
  const owner = workspace && isJsonObject(workspace.spec) ? workspace.spec['owner'] : undefined
  if (!workspace || owner === caller.user) return
  const wish = { verb: 'update', group: 'bothy.dev', resource: 'workspaces', subresource: null, namespace, name, path: '' }
  await refuseWithoutRight(ports.authority, caller, wish)
}
