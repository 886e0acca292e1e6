import type { Kind } from '../../crds/kinds.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { Refused } from '../kernel/errors.ts'
import { sha256 } from '../kernel/names.ts'
import { countObjects, listObjects, type ListQuery } from '../store/lists.ts'
import { keepWhatWas } from '../store/past.ts'
import type { Db } from '../store/pool.ts'
import type { ListOptions, Page, Resource } from './port.ts'
import { listExpired, refuseAhead } from './refusals.ts'
import { decode } from './stored.ts'
import { selectionOf, type Selection } from './selection.ts'

/**
 * Lists in pages. All of them show what was at the version of the first one, however long somebody takes to read them, or say that
 * this cannot be known any more.
 */

const READ_AT_ONCE = 500
/** A page may be shorter than it was asked to be, as long as it says where to go on. */
const PAGE_LENGTH_MAX = 2 * 1024 * 1024

interface Token {
  readonly version: number
  readonly namespace: string
  readonly name: string
  readonly asked: string
}

export async function listKind(db: Db, kind: Kind, options: ListOptions): Promise<Page> {
  const selection = selectionOf(kind, options)
  const asked = sha256(
    JSON.stringify([kind.kind, options.namespace ?? '', options.labelSelector ?? '', options.fieldSelector ?? '']),
  ).slice(0, 12)
  const token = options.continue ? readToken(options.continue, asked) : null
  const limit = options.limit && options.limit > 0 ? options.limit : Number.POSITIVE_INFINITY
  const items: Resource[] = []
  let after: ListQuery['after'] = token
  let at = token?.version ?? wantedVersion(options)
  let length = 0
  for (;;) {
    const most = selection.selects ? READ_AT_ONCE : Math.min(READ_AT_ONCE, limit - items.length)
    const { namespace, name } = selection
    const listed = await listObjects(db, { kind: kind.kind, namespace, name, after, at, limit: most })
    if (token === null && options.at !== undefined) refuseAhead(options.at, String(listed.version))
    // Ahead of the newest is who asked before an older state of the database was brought back.
    if (at !== null && (at < listed.oldest || at > listed.version)) throw token === null ? listExpired() : tokenExpired()
    const goesOn = listed.more || listed.objects.length > limit
    if (goesOn && !listed.isKept) {
      await keepWhatWas(db)
      continue
    }
    at ??= listed.version
    for (const [i, row] of listed.objects.entries()) {
      const object = decode(row.body, row.version)
      length += row.body.length
      if (selection.has(object)) items.push(object)
      after = { namespace: row.namespace, name: row.name }
      const isLast = i + 1 === listed.objects.length
      // What was read is not thrown away to be read again.
      const full = items.length >= limit || (isLast && options.limit !== undefined && items.length > 0 && length >= PAGE_LENGTH_MAX)
      if (full && (!isLast || listed.more)) return await cutPage(db, kind, selection, items, { ...after, version: at, asked })
    }
    if (!listed.more) return { items, resourceVersion: String(at) }
  }
}

/** What is beyond the numbers there are is ahead of every version all the same. */
const wantedVersion = ({ at }: ListOptions): number | null => (at === undefined ? null : Math.min(Number(at), Number.MAX_SAFE_INTEGER))

async function cutPage(
  db: Db,
  kind: Kind,
  { namespace, name, selects }: Selection,
  items: readonly Resource[],
  token: Token,
): Promise<Page> {
  const page = { items, resourceVersion: String(token.version), continue: Buffer.from(JSON.stringify(token)).toString('base64url') }
  // Counting what a selector would leave costs a whole list; the API server leaves it out too.
  if (selects) return page
  return { ...page, remaining: await countObjects(db, { kind: kind.kind, namespace, name, after: token, at: token.version }) }
}

function readToken(text: string, asked: string): Token {
  const token = decoded(text)
  if (!isToken(token)) throw new Refused('BadRequest', 'continue key is not valid: it must be what the list before has answered')
  if (token.asked !== asked)
    throw new Refused('BadRequest', 'continue key is not valid: it belongs to a list with another kind, namespace or selector')
  return token
}

function decoded(text: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    return value
  } catch {
    return null
  }
}

const isToken = (value: unknown): value is Token =>
  isJsonObject(value) &&
  Number.isSafeInteger(value['version']) &&
  typeof value['namespace'] === 'string' &&
  typeof value['name'] === 'string' &&
  typeof value['asked'] === 'string'

const tokenExpired = (): Refused =>
  new Refused(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
  )
