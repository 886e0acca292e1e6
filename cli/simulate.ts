import { fromIso, toIso } from '../controller/kernel/clock.ts'
import { EXIT, usage } from './failure.ts'
import { field, listOf, textOf } from './json.ts'
import { pathOfRef, refOf, shownRef } from './objects.ts'
import type { Run } from './session.ts'
import { tableLines } from './table.ts'

/** Every start and stop that the clock would make. */
export const run: Run = async (session, args, options) => {
  const ref = refOf(args[0] ?? '', session.namespace, 'workspace')
  if (ref.kind.kind !== 'Workspace') throw usage(`the clock does nothing to a ${ref.kind.singular}`, 'name a workspace, like workspace/dev')
  const until = toIso(options.instant('until') ?? 0)
  const simulated = await session.client().request('GET', pathOfRef(ref, 'simulate'), { query: { until } })
  const { terminal } = session
  if (session.output === 'json') terminal.out(JSON.stringify(simulated, null, 2))
  else {
    const changes = listOf(field(simulated, 'changes'))
    terminal.out(`${terminal.style('bold', shownRef(ref))} until ${until}${changes.length === 0 ? ': nothing changes by itself' : ''}`)
    if (changes.length > 0) for (const line of tableLines(HEADINGS, changes.map(rowOf), terminal.columns)) terminal.out(line)
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
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

function rowOf(change: unknown): string[] {
  const text = (name: string) => textOf(field(change, name)) ?? ''
  const at = fromIso(text('at'))
  return [at === null ? '' : (DAYS[new Date(at).getUTCDay()] ?? ''), text('at'), text('wants'), text('reason'), text('message')]
}
