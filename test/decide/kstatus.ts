import type { GivenCondition } from '../../controller/status/conditions.ts'

/** What GitOps tools make of a set of conditions: the published rules of kstatus, and what is wrong with a set by them. */

export type Kstatus = 'Current' | 'InProgress' | 'Failed' | 'Terminating'

type Condition = Omit<GivenCondition, 'reason'> & { readonly reason: string }

interface Read {
  readonly metadata: { readonly generation?: number; readonly deletionTimestamp?: string }
  readonly status?: {
    readonly observedGeneration?: number
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}

/** https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus, for kinds that it knows nothing special of. */
export function kstatusOf({ metadata, status }: Read): Kstatus {
  const { generation, deletionTimestamp } = metadata
  if (deletionTimestamp !== undefined) return 'Terminating'
  if (generation !== undefined && status?.observedGeneration !== undefined && status.observedGeneration !== generation) return 'InProgress'
  const conditions = status?.conditions ?? []
  // In the order in which they stand.
  for (const condition of conditions) {
    if (condition.type === 'Reconciling' && condition.status === 'True') return 'InProgress'
    if (condition.type === 'Stalled' && condition.status === 'True') return 'Failed'
  }
  const ready = conditions.find(({ type }) => type === 'Ready')
  return ready && ready.status !== 'True' ? 'InProgress' : 'Current'
}

/** What is neither as wanted, nor on its way, nor stuck: nobody acts on it, or it may come by itself. Any other reason is forgotten. */
const IN_BETWEEN: ReadonlySet<string> = new Set(['Paused', 'AgentTimeout'])

/** What is wrong with a set of conditions as kstatus reads it: null where nothing is. */
export function conditionsProblem(conditions: readonly Condition[], top: 'Ready' | 'Succeeded'): string | null {
  const of = (type: string) => conditions.find((condition) => condition.type === type)
  const said = of(top)
  if (!said) return `there is no ${top}`
  if (new Set(conditions.map(({ type }) => type)).size !== conditions.length) return 'a condition stands twice'
  if (conditions.some(({ message }) => message === '')) return 'a condition has no message'
  const unsettled = of('Stalled') ?? of('Reconciling')
  if (of('Stalled') && of('Reconciling')) return 'Stalled and Reconciling stand together'
  if (unsettled && unsettled.status !== 'True') return `${unsettled.type} stands while it is not true`
  if (of('Stalled') && said.status === 'True') return `Stalled and ${top} stand together`
  const status = kstatusOf({ metadata: { generation: 1 }, status: { observedGeneration: 1, conditions } })
  if ((said.status === 'True') !== (status === 'Current')) return `${top} is ${said.status} (${said.reason}), and that is read as ${status}`
  if (!unsettled && said.status !== 'True' && !IN_BETWEEN.has(said.reason)) return `${said.reason} is neither under way nor stalled`
  return null
}
