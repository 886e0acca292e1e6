import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, lchown, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { Misconfigured } from '../kernel/errors.ts'
import type { PostgresFiles } from './postgres-files.ts'

/** Where the embedded server lives, whom it runs as, and how it is set. */
export interface Place {
  readonly folder: string
  readonly data: string
  readonly run: string
  readonly password: string
}

/** As whom the server runs: Postgres refuses to be root. */
export interface Servant {
  /** For spawn. Empty when `prefix` does the change, or nobody has to change. */
  readonly ids: { readonly uid?: number; readonly gid?: number }
  readonly prefix: readonly string[]
  /** Whom its files must belong to; null: us. */
  readonly owner: number | null
  /** What to try when it does not start, for the end of the message. */
  readonly hint: string
}

export const DATABASE_USER = 'bothy'
const NOBODY = 65_534
/** The kernel's limit is 108 bytes, name of the socket included. */
const SOCKET_PATH_MAX = 100

export async function prepare(state: string): Promise<{ readonly place: Place; readonly servant: Servant }> {
  await mkdir(state, { recursive: true, mode: 0o700 })
  const folder = join(await realpath(state), 'pg')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const place = { folder, data: join(folder, 'data'), run: join(folder, 'run'), password: join(folder, 'password') }
  const servant = await servantFor(dirname(folder), folder)
  await mkdir(place.run, { recursive: true, mode: 0o700 })
  await giveTo(servant, place.run)
  return { place, servant }
}

/**
 * Root gives the server to a plain number, no user of the system needed, and opens our own folders for passing through, not
 * for reading. Where a folder above is closed, as /root is, that number could not pass: there the server only believes to be
 * it, in a user namespace, and its files stay root's.
 */
async function servantFor(state: string, folder: string): Promise<Servant> {
  if (process.getuid?.() !== 0) return { ids: {}, prefix: [], owner: null, hint: '' }
  const closed = await closedAbove(state)
  if (closed !== null) {
    const hint = `\nPostgres may not run as root, and ${closed} is closed to everybody else: use a --state that all may pass to, such as /var/lib/bothy, or start as an ordinary user.`
    return { ids: {}, prefix: ['unshare', '--user', `--map-user=${NOBODY}`], owner: 0, hint }
  }
  for (const ours of [state, folder]) await chmod(ours, ((await stat(ours)).mode & 0o7777) | 0o011)
  return { ids: { uid: NOBODY, gid: NOBODY }, prefix: [], owner: NOBODY, hint: '' }
}

/** The first folder above that others may not pass through, or null. */
async function closedAbove(path: string): Promise<string | null> {
  for (let above = dirname(path); ; above = dirname(above)) {
    if (((await stat(above)).mode & 0o001) === 0) return above
    if (above === dirname(above)) return null
  }
}

export async function giveTo({ owner }: Servant, ...paths: readonly string[]): Promise<void> {
  if (owner === null) return
  for (const path of paths) await chown(path, owner, owner)
}

/** A state folder may have been used by root once and by a user before, or the other way round. */
export async function ownByServant({ data, folder }: Place, { owner }: Servant): Promise<void> {
  const { uid } = await stat(data)
  if (uid === (owner ?? process.getuid?.() ?? uid)) return
  if (owner === null) {
    throw new Misconfigured(
      `${data} belongs to user ${uid}, not to you: start as that user or as root, or use another --state than ${dirname(folder)}.`,
    )
  }
  await lchown(data, owner, owner)
  for (const entry of await readdir(data, { recursive: true })) await lchown(join(data, entry), owner, owner)
}

export async function refuseOtherMajor(data: string, { major }: PostgresFiles): Promise<void> {
  const found = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim()
  if (found === String(major)) return
  throw new Misconfigured(
    `${data} was made by Postgres ${found}, and this program brings Postgres ${major}, which cannot read it. Nothing was changed. ` +
      `Dump it with Postgres ${found} and restore into a Postgres given as DATABASE_URL, or use another --state.`,
  )
}

/** Only ever made together with a new data folder. */
export async function newPassword({ password }: Place): Promise<string> {
  const text = randomBytes(32).toString('base64url')
  await rm(password, { force: true })
  await writeFile(password, text, { mode: 0o600, flag: 'wx' })
  return text
}

/** A socket in a folder of ours where its path fits; otherwise loopback. Both ask for the password. */
export async function urlOf({ run, password, data }: Place): Promise<string> {
  if (!existsSync(password)) {
    throw new Misconfigured(`${password} is gone: it is the password of the database in ${data}. Put it back; nothing was changed.`)
  }
  const login = `${DATABASE_USER}:${(await readFile(password, 'utf8')).trim()}`
  if (Buffer.byteLength(join(run, '.s.PGSQL.5432')) <= SOCKET_PATH_MAX) {
    return `postgresql://${login}@localhost/postgres?host=${encodeURIComponent(run)}`
  }
  return `postgresql://${login}@127.0.0.1:${await freePort()}/postgres`
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = address !== null && typeof address === 'object' ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** By name, as they are in postgresql.conf. */
export type Settings = Readonly<Record<string, string>>

/** For a laptop: small, quiet, and as safe as Postgres is by default (fsync stays on). */
export function settings({ run }: Place, major: number, url: string, more: Settings = {}): string[] {
  const { port } = new URL(url)
  const pairs: Settings = {
    ...(port === ''
      ? { listen_addresses: '', unix_socket_directories: `"${run.replaceAll('"', '""')}"`, unix_socket_permissions: '0700' }
      : { listen_addresses: '127.0.0.1', unix_socket_directories: '', port }),
    shared_buffers: '32MB',
    max_connections: '60',
    jit: 'off',
    huge_pages: 'off',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '256MB',
    max_logical_replication_workers: '0',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_min_messages: 'log',
    log_checkpoints: 'off',
    // Three processes fewer; what a laptop's database reads is in memory anyway.
    ...(major >= 18 ? { io_method: 'sync' } : {}),
    ...more,
  }
  return Object.entries(pairs).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
