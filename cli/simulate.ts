import { fromIso, toIso } from '../controller/kernel/clock.ts'
import { isZone } from '../controller/kernel/zones.ts'
import { EXIT, usage } from './failure.ts'
import { field, listOf, textOf } from './json.ts'
import { pathOfRef, refOf, shownRef } from './objects.ts'
import type { Run } from './session.ts'
import { tableLines } from './table.ts'
import { dayIn, shownIn, zoneHere } from './zoned.ts'

/** Every start and stop that the clock would make. */
export const run: Run = async (session, args, options) => {
  const ref = refOf(args[0] ?? '', session.namespace, 'workspace')
  if (ref.kind.kind !== 'Workspace') throw usage(`the clock does nothing to a ${ref.kind.singular}`, 'name a workspace, like workspace/dev')
  const until = options.instant('until') ?? 0
  const simulated = await session.client().request('GET', pathOfRef(ref, 'simulate'), { query: { until: toIso(until) } })
  const { terminal } = session
  if (session.output === 'json') terminal.out(JSON.stringify(simulated, null, 2))
  else {
    const changes = listOf(field(simulated, 'changes'))
    const zone = zoneOf(simulated)
    const nothing = changes.length === 0 ? ': nothing changes by itself' : ''
    terminal.out(`${terminal.style('bold', shownRef(ref))} until ${shownIn(zone, until)}, by the clocks of ${zone}${nothing}`)
    if (changes.length > 0)
      for (const line of tableLines(
        HEADINGS,
        changes.map((change) => rowOf(change, zone)),
        terminal.columns,
      ))
        terminal.out(line)
  }
  return EXIT.done
}

const HEADINGS = [
  { name: 'DAY' },
  { name: 'AT', whole: true },
  { name: 'WANTS', whole: true },
  { name: 'REASON', whole: true },
  { name: 'WHY' },
]

/** That of its schedule, or of its owner; a control plane of before says none. */
function zoneOf(simulated: unknown): string {
  const said = textOf(field(simulated, 'timezone'))
  return said !== null && isZone(said) ? said : zoneHere()
}

function rowOf(change: unknown, zone: string): string[] {
  const text = (name: string) => textOf(field(change, name)) ?? ''
  const at = fromIso(text('at'))
  const when = at === null ? ['', text('at')] : [dayIn(zone, at), shownIn(zone, at)]
  return [...when, text('wants'), text('reason'), text('message')]
}
