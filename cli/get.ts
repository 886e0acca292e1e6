import type { Kind } from '../crds/kinds.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { textOf } from './json.ts'
import { knownObject } from './known-object.ts'
import { inOrder, kindNamed, listObjects, type ApiObject, type Selection } from './objects.ts'
import type { Options } from './options.ts'
import type { Run, Session } from './session.ts'
import { columnsOf, headingsOf, rowOf, tableLines } from './table.ts'
import { watchObjects } from './watch.ts'
import { yamlOf } from './yaml.ts'

interface Wanted {
  readonly kind: Kind
  readonly namespace: string | null
  readonly names: readonly string[]
  readonly selection: Selection
}

/** `get workspaces`, `get workspace dev`, `get workspace/dev`, `get templates,workspaces`. */
export const run: Run = async (session, args, options) => {
  const [kinds = '', ...names] = args
  if (kinds.includes(',')) return several(session, [...new Set(kinds.split(',').map(kindNamed))], names, options)
  const wanted = wantedFrom(session, args, options)
  if (options.flag('watch')) return watch(session, wanted)
  if (wanted.names.length === 0) {
    const { items, resourceVersion } = await listObjects(session.client(), wanted.kind, wanted.namespace, wanted.selection)
    await printList(session, wanted, items, resourceVersion)
    return EXIT.done
  }
  const found: ApiObject[] = []
  let missing: Failure | null = null
  for (const name of wanted.names) {
    try {
      found.push(await knownObject(session, { kind: wanted.kind, namespace: session.namespace, name }))
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== EXIT.notFound) throw error
      missing = error
    }
  }
  const [only] = found
  if (only && wanted.names.length === 1 && isData(session.output)) await printData(session, inOrder(only))
  else if (found.length > 0) await printList(session, wanted, found, '')
  if (missing) throw missing
  return EXIT.done
}

async function several(session: Session, kinds: readonly Kind[], names: readonly string[], options: Options): Promise<number> {
  if (names.length > 0) throw usage('names and several kinds exclude each other', 'write KIND/NAME, or ask for one kind at a time')
  if (options.flag('watch')) throw usage('only one kind can be watched', 'ask for one kind at a time')
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      const wanted = wantedFrom(session, [kind.plural], options)
      return { wanted, ...(await listObjects(session.client(), kind, wanted.namespace, wanted.selection)) }
    }),
  )
  const items = lists.flatMap((list) => list.items)
  if (isData(session.output)) await printItems(session, items, '')
  else for (const [i, list] of lists.entries()) await printAfter(session, lists.slice(0, i), list)
  return EXIT.done
}

interface ListOf {
  readonly wanted: Wanted
  readonly items: readonly ApiObject[]
}

/** Tables stand apart. */
async function printAfter(session: Session, before: readonly ListOf[], { wanted, items }: ListOf): Promise<void> {
  if (session.output !== 'name' && items.length > 0 && before.some((list) => list.items.length > 0)) session.terminal.out('')
  await printList(session, wanted, items, '')
}

function wantedFrom(session: Session, args: readonly string[], options: Options): Wanted {
  const [first = '', ...rest] = args
  const [kindName = '', inRef] = first.split('/')
  const kind = kindNamed(kindName)
  const names = [...(inRef ? [inRef] : []), ...rest]
  const everywhere = options.flag('allNamespaces')
  if (everywhere && names.length > 0)
    throw usage('a name cannot be looked up in every namespace', 'leave out the name, or name the namespace with -n')
  const labelSelector = options.text('selector') ?? undefined
  if (labelSelector !== undefined && names.length > 0) throw usage('a name and a selector exclude each other', 'give one of them')
  const one = options.flag('watch') && names.length === 1 ? names[0] : undefined
  if (options.flag('watch') && names.length > 1) throw usage('only one name can be watched', 'leave the names out to watch all of a kind')
  return {
    kind,
    namespace: everywhere || !kind.namespaced ? null : session.namespace,
    names,
    selection: { labelSelector, fieldSelector: one === undefined ? undefined : `metadata.name=${one}` },
  }
}

const isData = (output: string | null): boolean => output === 'json' || output === 'yaml'

async function printData({ output, terminal }: Session, value: unknown): Promise<void> {
  if (output === 'yaml') terminal.write(await yamlOf(value))
  else terminal.out(JSON.stringify(value, null, 2))
}

const printItems = (session: Session, items: readonly ApiObject[], resourceVersion: string): Promise<void> =>
  printData(session, { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion }, items: items.map(inOrder) })

async function printList(session: Session, wanted: Wanted, items: readonly ApiObject[], resourceVersion: string): Promise<void> {
  const { output, terminal } = session
  if (isData(output)) return printItems(session, items, resourceVersion)
  if (output === 'name') return items.forEach((item) => terminal.out(`${wanted.kind.singular}/${item.metadata.name}`))
  if (items.length === 0) return terminal.err(nothingFound(wanted))
  for (const line of table(session, wanted, items)) terminal.out(line)
}

const nothingFound = ({ kind, namespace }: Wanted): string =>
  `No ${kind.plural} ${namespace === null ? 'found' : `in namespace ${namespace}`}.`

function table(session: Session, { kind, namespace }: Wanted, items: readonly ApiObject[]): string[] {
  const wide = session.output === 'wide'
  const columns = columnsOf(kind, wide)
  const withNamespace = namespace === null
  const now = session.clock.now()
  const rows = items.map((item) => rowOf(item, kind, columns, withNamespace, now))
  return tableLines(headingsOf(kind, columns, withNamespace), rows, wide ? Number.POSITIVE_INFINITY : session.terminal.columns)
}

/** One row for each change; widths are those of the first table, so that columns stay where they are. */
async function watch(session: Session, wanted: Wanted): Promise<number> {
  const { terminal, output } = session
  const signal = session.interrupted()
  const shown = new Set<string>()
  let headed = false
  for await (const seen of watchObjects(session.client(), session.clock, wanted.kind, wanted.namespace, wanted.selection, signal)) {
    const objects = seen.type === 'LISTED' ? seen.items.filter((item) => !shown.has(versionOf(item))) : [seen.object]
    for (const object of objects) shown.add(versionOf(object))
    if (shown.size > REMEMBERED_MAX) shown.clear()
    if (output === 'json') for (const object of objects) terminal.out(JSON.stringify(inOrder(object)))
    else if (output === 'yaml') for (const object of objects) terminal.write(`---\n${await yamlOf(inOrder(object))}`)
    else if (output === 'name') for (const object of objects) terminal.out(`${wanted.kind.singular}/${object.metadata.name}`)
    else if (objects.length > 0) {
      for (const line of table(session, wanted, objects).slice(headed ? 1 : 0)) terminal.out(line)
      headed = true
    }
  }
  return EXIT.done
}

const REMEMBERED_MAX = 10_000
const versionOf = ({ metadata }: ApiObject): string =>
  `${textOf(metadata['uid']) ?? metadata.name} ${textOf(metadata['resourceVersion']) ?? ''}`
