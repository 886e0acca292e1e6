import { shownAddress } from '../kernel/addresses.ts'
import type { PlanSummary } from '../store/records.ts'
import type { Said } from './output.ts'

/** What terraform said it would do, in counts and addresses. Pure. */

type Planned = NonNullable<Said['planned']>

const ADDRESSES_MAX = 50

const ADDS = new Set(['create', 'replace'])
const DESTROYS = new Set(['delete', 'replace'])

export function planSummary(planned: readonly Planned[], outlives: (address: string) => boolean): Omit<PlanSummary, 'digest'> {
  const changes = planned.filter(({ action }) => ADDS.has(action) || DESTROYS.has(action) || action === 'update')
  const count = (counts: (action: string) => boolean) => changes.filter(({ action }) => counts(action)).length
  return {
    add: count((action) => ADDS.has(action)),
    change: count((action) => action === 'update'),
    destroy: count((action) => DESTROYS.has(action)),
    addresses: changes.map(({ address }) => shownAddress(address)).slice(0, ADDRESSES_MAX),
    lost: changes
      .filter(({ action, address }) => DESTROYS.has(action) && outlives(address))
      .map(({ address }) => shownAddress(address))
      .slice(0, ADDRESSES_MAX),
  }
}
