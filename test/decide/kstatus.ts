import type { GivenCondition } from '../../controller/status/conditions.ts'

/** What is wrong with a set of conditions as kstatus reads it: null where nothing is. */
export function conditionsProblem(conditions: readonly GivenCondition[], top: 'Ready' | 'Succeeded'): string | null {
  const of = (type: string) => conditions.find((condition) => condition.type === type)
  if (!of(top)) return `there is no ${top}`
  if (new Set(conditions.map(({ type }) => type)).size !== conditions.length) return 'a condition stands twice'
  if (conditions.some(({ message }) => message === '')) return 'a condition has no message'
  const unsettled = of('Stalled') ?? of('Reconciling')
  if (of('Stalled') && of('Reconciling')) return 'Stalled and Reconciling stand together'
  if (unsettled && unsettled.status !== 'True') return `${unsettled.type} stands while it is not true`
  if (of('Stalled') && of(top)?.status === 'True') return `Stalled and ${top} stand together`
  return null
}
