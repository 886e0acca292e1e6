import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock, Instant } from '../kernel/clock.ts'
import { Refused } from '../kernel/errors.ts'
import { newUid } from '../kernel/names.ts'
import type { Db } from './pool.ts'

/**
 * What lets a browser in for a while: signed, so that nothing is kept of those that count. A ticket is good for one use and
 * a minute, and travels in an address; a session is what it is exchanged for.
 *
 *   bothy-<kind>.<claims, base64url>.<hmac-sha256, base64url>
 */

const KINDS = {
  /** The page's address, as `bothy open` makes it. */
  PageTicket: 60_000,
  /** One upgrade of one path, since a browser sends no headers with a WebSocket. */
  UpgradeTicket: 30_000,
  /** One app's address. */
  AppTicket: 60_000,
  /** What the page shows the API. */
  Page: 12 * 3_600_000,
  /** What the cookie of one app holds. */
  App: 3_600_000,
} as const
export type PassKind = keyof typeof KINDS

export interface Pass {
  readonly kind: PassKind
  readonly id: string
  readonly user: string
  /** Of that user, in a cluster: what they may often depends on them. */
  readonly groups: readonly string[]
  /** What it is for: a path, an app of a workspace. Nothing else is reached with it. */
  readonly target: string
  /** The session it was made by: with that one, it ends. Empty: none. */
  readonly by: string
  /** When the first of a session that was renewed was made. */
  readonly since: Instant
  readonly until: Instant
}

export interface Passes {
  /** Refused where somebody is in more groups than an address has room for. */
  issue(kind: PassKind, what: Pick<Pass, 'user' | 'groups' | 'target' | 'by'>): string
  /** The same session, for longer. */
  renew(pass: Pass): string
  /** null: not ours, of another kind, too old, or ended. */
  read(kind: PassKind, text: string): Pass | null
  /** As `read`, and never again for the same ticket, whichever replica is asked. */
  redeem(kind: PassKind, text: string): Promise<Pass | null>
  end(pass: Pass): Promise<void>
  hasEnded(pass: Pass): boolean
  /** Answers how to listen no more. */
  onEnded(listener: () => void): () => void
  close(): Promise<void>
}

const CHANNEL = 'bothy_passes'
const LENGTH_MAX = 4096
const SHAPE = /^bothy-(?<kind>[A-Za-z]+)\.(?<claims>[\w-]+)\.(?<mac>[\w-]{43})$/

/** Whatever has this beginning is between a browser and the control plane, and nobody else's business. */
export const PASS_BEGINS = 'bothy-'

export async function openPasses({ db, clock, key }: { readonly db: Db; readonly clock: Clock; readonly key: Buffer }): Promise<Passes> {
  const ended = new Set<string>()
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of listeners) listener()
  }
  const load = async () => {
    const rows = await db.query<{ id: string }>('select id from ended_passes where until_at > clock_timestamp() and kind in ($1, $2)', [
      'Page',
      'App',
    ])
    // To those that are known already: one may have ended while this was asked.
    for (const { id } of rows) ended.add(id)
    tell()
  }
  const onEnded = (id: string) => {
    ended.add(id)
    tell()
  }
  const stop = await db.listen(CHANNEL, onEnded, () => void load().catch(() => {}))
  await load()

  const written = (pass: Pass): string => {
    const claims = Buffer.from(JSON.stringify(pass)).toString('base64url')
    return `${PASS_BEGINS}${pass.kind}.${claims}.${macOf(key, pass.kind, claims).toString('base64url')}`
  }
  const hasEnded = ({ id, by }: Pass) => ended.has(id) || ended.has(by)
  const read: Passes['read'] = (kind, text) => {
    const pass = passIn(key, kind, text)
    return pass && pass.until > clock.now() && !hasEnded(pass) ? pass : null
  }
  return {
    issue(kind, { user, groups, target, by }) {
      const now = clock.now()
      const text = written({ kind, id: newUid(), user, groups, target, by, since: now, until: now + KINDS[kind] })
      if (text.length <= LENGTH_MAX) return text
      throw new Refused('Forbidden', `${user} is in too many groups for a browser: use the command line`)
    },
    renew: (pass) => written({ ...pass, until: clock.now() + KINDS[pass.kind] }),
    read,
    async redeem(kind, text) {
      const pass = read(kind, text)
      return pass && (await spent(db, pass)) ? pass : null
    },
    async end(pass) {
      onEnded(pass.id)
      await db.query(
        `with ended as (insert into ended_passes (id, kind, until_at) values ($1, $2, to_timestamp($3 / 1000.0)) on conflict do nothing)
         select pg_notify($4, $1)`,
        // What it begot may live longer than it.
        [pass.id, pass.kind, pass.until + KINDS.Page, CHANNEL],
      )
    },
    hasEnded,
    onEnded(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: () => stop(),
  }
}

/** Whether it is the first time. */
async function spent(db: Db, pass: Pass): Promise<boolean> {
  const rows = await db.query(
    'insert into ended_passes (id, kind, until_at) values ($1, $2, to_timestamp($3 / 1000.0)) on conflict do nothing returning id',
    [pass.id, pass.kind, pass.until],
  )
  return rows.length > 0
}

const macOf = (key: Buffer, kind: string, claims: string): Buffer => createHmac('sha256', key).update(`${kind}.${claims}`).digest()

function passIn(key: Buffer, kind: PassKind, text: string): Pass | null {
  const { kind: said, claims = '', mac = '' } = (text.length <= LENGTH_MAX && SHAPE.exec(text)?.groups) || {}
  if (said !== kind || !timingSafeEqual(Buffer.from(mac, 'base64url'), macOf(key, kind, claims))) return null
  const value: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString())
  return isPass(value) && value.kind === kind ? value : null
}

/** We signed it; an earlier version may have written it otherwise. */
const isPass = (value: unknown): value is Pass =>
  typeof value === 'object' &&
  value !== null &&
  ['kind', 'id', 'user', 'target', 'by'].every((name) => name in value && typeof Reflect.get(value, name) === 'string') &&
  Array.isArray(Reflect.get(value, 'groups')) &&
  ['since', 'until'].every((name) => name in value && typeof Reflect.get(value, name) === 'number')
