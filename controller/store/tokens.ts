import { randomBytes } from 'node:crypto'
import type { Clock, Instant } from '../kernel/clock.ts'
import { Refused } from '../kernel/errors.ts'
import { newUid, sha256 } from '../kernel/names.ts'
import { audit } from './audit.ts'
import type { Db } from './pool.ts'

/**
 * Tokens for people, scripts and whoever else: made for a purpose, shown once, kept as a hash. They are few, so all are held in
 * memory: a request costs no query, and one that is revoked or comes to its end is gone in that moment.
 */

/** Known by its beginning: to those who look for secrets where none should be, too. */
export const TOKEN_BEGINS = 'bothy_'
const TOKENS_MAX = 1000
const CHANNEL = 'bothy_tokens'
const USE_NOTED_EVERY_MS = 3_600_000

export interface Token {
  readonly id: string
  readonly name: string
  readonly scope: string
  /** Empty: everywhere. */
  readonly namespaces: readonly string[]
  readonly createdAt: Instant
  readonly createdBy: string
  readonly expiresAt: Instant | null
  readonly usedAt: Instant | null
}

export interface Tokens {
  /** The text is answered here and never again. */
  create(
    wish: Pick<Token, 'name' | 'scope' | 'namespaces' | 'createdBy' | 'expiresAt'>,
  ): Promise<{ readonly token: Token; readonly text: string }>
  /** Those that are over too, until they are revoked. */
  list(): readonly Token[]
  /** null: there is none of that name. */
  revoke(name: string): Promise<Token | null>
  /** null: nobody's, or one that is over. */
  shown(text: string): Token | null
  /** null: it is over. */
  withId(id: string): Token | null
  /** One or more are over. Answers how to listen no more. */
  onEnded(listener: () => void): () => void
  close(): Promise<void>
}

interface Ports {
  readonly db: Db
  readonly clock: Clock
}

interface Row extends Token {
  readonly hash: string
}

const COLUMNS = `id, name, hash, scope, namespaces, created_at as "createdAt", created_by as "createdBy", expires_at as "expiresAt", used_at as "usedAt"`

function tokenOf(row: Row): Token {
  const { id, name, scope, namespaces, createdAt, createdBy, expiresAt, usedAt } = row
  return { id, name, scope, namespaces, createdAt, createdBy, expiresAt, usedAt }
}

export async function openTokens({ db, clock }: Ports): Promise<Tokens> {
  const held = await holdAll({ db, clock })
  const isGood = ({ expiresAt }: Token): boolean => expiresAt === null || expiresAt > clock.now()

  const noteUse = (hash: string, token: Token) => {
    const now = clock.now()
    if (now - (token.usedAt ?? 0) < USE_NOTED_EVERY_MS) return
    held.byHash.set(hash, { ...token, usedAt: now })
    void db.query('update tokens set used_at = to_timestamp($2 / 1000.0) where id = $1', [token.id, now]).catch(ignore)
  }
  return {
    async create({ name, scope, namespaces, createdBy, expiresAt }) {
      const text = `${TOKEN_BEGINS}${randomBytes(32).toString('base64url')}`
      const row = await inserted(db, [newUid(), name, sha256(text), scope, namespaces, createdBy, expiresAt])
      await held.load()
      return { token: tokenOf(row), text }
    },
    list: () => [...held.byHash.values()],
    async revoke(name) {
      const [row] = await db.query<Row>(
        `with gone as (delete from tokens where name = $1 returning *), told as (select pg_notify($2, '') from gone)
         select ${COLUMNS} from gone, told`,
        [name, CHANNEL],
      )
      // In this process at once, whenever the notification comes.
      await held.load()
      return row ? tokenOf(row) : null
    },
    shown(text) {
      const hash = sha256(text)
      const token = held.byHash.get(hash)
      if (!token || !isGood(token)) return null
      noteUse(hash, token)
      return token
    },
    withId(id) {
      const token = [...held.byHash.values()].find((each) => each.id === id)
      return token && isGood(token) ? token : null
    },
    onEnded: held.onEnded,
    close: held.close,
  }
}

interface Held {
  readonly byHash: Map<string, Token>
  load(): Promise<void>
  onEnded: Tokens['onEnded']
  close(): Promise<void>
}

/** All of them in memory, as they are in the table now, and a timer for the next that comes to its end. */
async function holdAll({ db, clock }: Ports): Promise<Held> {
  const byHash = new Map<string, Token>()
  const listeners = new Set<() => void>()
  let cancel: () => void = ignore
  const tell = () => {
    for (const listener of listeners) listener()
  }
  const waitForNext = () => {
    cancel()
    const ends = [...byHash.values()].flatMap(({ expiresAt }) => (expiresAt !== null && expiresAt > clock.now() ? [expiresAt] : []))
    if (ends.length === 0) return
    cancel = clock.after(Math.min(...ends) - clock.now() + 1, () => {
      tell()
      waitForNext()
      void noteExpired(db).catch(ignore)
    })
  }
  let begun = 0
  let newest = 0
  const load = async () => {
    const mine = (begun += 1)
    const rows = await db.query<Row>(`select ${COLUMNS} from tokens order by name`)
    // An answer that comes after a later one knows less: it would bring back what was revoked meanwhile.
    if (mine < newest) return
    newest = mine
    byHash.clear()
    for (const row of rows) byHash.set(row.hash, tokenOf(row))
    tell()
    waitForNext()
    await noteExpired(db)
  }
  const reload = () => void load().catch(ignore)
  const stop = await db.listen(CHANNEL, reload, reload)
  await load()
  return {
    byHash,
    load,
    onEnded(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close() {
      cancel()
      return stop()
    },
  }
}

const ignore = () => {}

/** A name is free again when what had it is over. */
const inserted = (db: Db, values: readonly unknown[]): Promise<Row> =>
  db.transaction(async (tx) => {
    const [, name] = values
    await tx.query('delete from tokens where name = $1 and expires_at <= clock_timestamp()', [name])
    const [counted] = await tx.query<{ readonly many: boolean }>('select count(*) >= $1 as many from tokens', [TOKENS_MAX])
    if (counted?.many) throw new Refused('TooManyRequests', `there are ${TOKENS_MAX} tokens already: revoke what nobody uses`)
    const [row] = await tx.query<Row>(
      `insert into tokens (id, name, hash, scope, namespaces, created_by, expires_at)
       values ($1, $2, $3, $4, $5, $6, to_timestamp($7 / 1000.0)) on conflict (name) do nothing returning ${COLUMNS}`,
      values,
    )
    if (!row) throw new Refused('AlreadyExists', `there is a token called ${String(name)} already: revoke it first, or choose another name`)
    await tx.notify(CHANNEL, '')
    return row
  })

/** Once each, whoever is first to see it. */
async function noteExpired(db: Db): Promise<void> {
  const rows = await db.query<Pick<Row, 'name' | 'scope'>>(
    'update tokens set noted = true where expires_at <= clock_timestamp() and not noted returning name, scope',
  )
  for (const { name, scope } of rows)
    await audit(db, { actor: 'bothy', action: 'token-expired', subject: `Token//${name}`, origin: '', detail: { scope } })
}
