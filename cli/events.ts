import { fromIso } from '../controller/kernel/clock.ts'
import { shortAge } from '../controller/kernel/durations.ts'
import { lastSeen } from '../crds/event-kind.ts'
import { EXIT } from './failure.ts'
import { field, textOf } from './json.ts'
import { knownObject } from './known-object.ts'
import { kindNamed, listObjects, refOf, type ApiObject } from './objects.ts'
import type { Run, Session } from './session.ts'
import { tableLines, type Heading } from './table.ts'
import { watchObjects } from './watch.ts'
import { yamlOf } from './yaml.ts'

const HEADINGS: readonly Heading[] = [
  { name: 'LAST SEEN' },
  { name: 'TYPE' },
  { name: 'REASON' },
  { name: 'OBJECT', whole: true },
  { name: 'MESSAGE' },
]

export const run: Run = async (session, args, options) => {
  const kind = kindNamed('Event')
  const namespace = options.flag('allNamespaces') ? null : session.namespace
  const about = args[0] === undefined ? null : refOf(args[0], session.namespace)
  const selection = { fieldSelector: about ? `regarding.kind=${about.kind.kind},regarding.name=${about.name}` : undefined }
  if (!options.flag('watch')) {
    const { items } = await listObjects(session.client(), kind, namespace, selection)
    // What happened outlives what it happened to; of what never was there is nothing to tell.
    if (items.length === 0 && about) await knownObject(session, about)
    await print(session, items.toSorted(byTime), true)
    return EXIT.done
  }
  let headed = false
  for await (const seen of watchObjects(session.client(), session.clock, kind, namespace, selection, session.interrupted())) {
    if (seen.type === 'DELETED') continue
    await print(session, seen.type === 'LISTED' ? seen.items.toSorted(byTime) : [seen.object], !headed)
    headed = true
  }
  return EXIT.done
}

const lastSeenAt = (event: ApiObject): number => fromIso(lastSeen(event)) ?? 0

const byTime = (a: ApiObject, b: ApiObject): number => lastSeenAt(a) - lastSeenAt(b)

async function print(session: Session, events: readonly ApiObject[], headed: boolean): Promise<void> {
  const { terminal, output } = session
  if (output === 'json') return events.forEach((event) => terminal.out(JSON.stringify(event)))
  if (output === 'yaml') {
    for (const event of events) terminal.write(`---\n${await yamlOf(event)}`)
    return
  }
  if (events.length === 0 && headed) return terminal.err('Nothing happened yet.')
  const now = session.clock.now()
  const lines = tableLines(
    HEADINGS,
    events.map((event) => rowOf(event, now)),
    terminal.columns,
  )
  for (const line of lines.slice(headed ? 0 : 1)) terminal.out(line)
}

function rowOf(event: ApiObject, now: number): string[] {
  const text = (...path: readonly string[]) => textOf(field(event, ...path)) ?? ''
  const count = field(event, 'series', 'count')
  const times = typeof count === 'number' && count > 1 ? ` (x${count})` : ''
  const object = `${text('regarding', 'kind').toLowerCase()}/${text('regarding', 'name')}`
  return [shortAge(now - lastSeenAt(event)), text('type'), text('reason'), object, `${text('note').replaceAll(/\s+/g, ' ')}${times}`]
}
