import type { Template } from '../../../crds/types.ts'
import type { Resource } from '../../cluster/port.ts'
import { durationMs } from '../../kernel/durations.ts'
import { storedConditions } from '../../status/write.ts'
import { policyOf } from './schedule/policy.ts'
import type { VariablesSeen } from '../variables.ts'
import type { TemplateSeen } from './seen.ts'

export const isTemplate = (object: Resource): object is Resource & Template => object.kind === 'Template'

/** A template as its workspaces see it: what its own look found out, and its policy. */
export function templateSeen(object: Resource & Template, { variables, problem }: VariablesSeen): TemplateSeen {
  const { metadata, spec, status } = object
  const conditions = storedConditions(status)
  const ready = conditions.find(({ type }) => type === 'Ready')
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    deleting: metadata.deletionTimestamp !== undefined,
    activeDigest: status?.activeVersion?.digest ?? null,
    problem:
      ready && ready.status !== 'True' ? { message: ready.message, stalled: conditions.some(({ type }) => type === 'Stalled') } : null,
    requireActiveVersion: spec.requireActiveVersion,
    approval: spec.approval,
    drift: { intervalMs: durationMs(spec.drift.interval) ?? 0, corrects: spec.drift.policy === 'Correct' },
    labels: spec.provisioner.labels,
    allowedNamespaces: spec.allowedNamespaces,
    deprecated: spec.deprecated ?? '',
    policy: policyOf(spec),
    variables,
    variablesProblem: problem,
  }
}
