import { createHash, timingSafeEqual } from 'node:crypto'
import {
  connect,
  constants,
  createSecureServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { SESSION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from '../../agent/protocol.ts'
import { makeCertificate } from '../kernel/certificate.ts'
import type { Clock } from '../kernel/clock.ts'
import { messageOf, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { keepAlive } from '../kernel/session-pings.ts'
import type { Db } from '../store/pool.ts'
import { announceReplica, forgetReplica, replicaNamed, type ReplicaRow } from '../store/replicas.ts'
import type { Link, StreamOptions } from './link.ts'
import { passOn, refuse, RELAY_AGENT, RELAY_KEY, RELAY_TRAILERS } from './relay.ts'

/**
 * Replicas of one control plane, so that any of them reaches any agent. Each makes a certificate at its start and writes its
 * digest beside its address: whoever connects accepts that one alone, and shows a key that only holders of the state's key can make.
 */
export interface Peers {
  /** A stream to an agent that another replica holds. */
  openStream(
    holder: string,
    agentId: string,
    path: string,
    headers?: OutgoingHttpHeaders,
    options?: StreamOptions,
  ): Promise<ClientHttp2Stream>
  close(): Promise<void>
}

export interface PeersOptions {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly replica: string
  /** Where other replicas reach this one; port 0: any that is free. */
  readonly host: string
  readonly port: number
  /** What all replicas can derive, and nobody else. */
  readonly key: Buffer
  readonly linkOf: (agentId: string) => Link | undefined
}

const ANNOUNCE_EVERY_MS = 60_000
const CONNECT_MS = 3000
const PING = { everyMs: 5000, limitMs: 5000 } as const
const YEAR_MS = 365 * 86_400_000

export async function openPeers(options: PeersOptions): Promise<Peers> {
  const { db, log, replica } = options
  const over = new AbortController()
  const own = await serve(options)
  await announceReplica(db, own.row)
  void announceNowAndThen(options, own.row, over.signal)
  const sessions = new Map<string, Promise<ClientHttp2Session>>()
  const sessionWith = (holder: string): Promise<ClientHttp2Session> => {
    const known = sessions.get(holder)
    if (known) return known
    const made = dial(options, holder)
    sessions.set(holder, made)
    const forget = () => void (sessions.get(holder) === made && sessions.delete(holder))
    made.then((session) => session.once('close', forget), forget)
    return made
  }
  return {
    async openStream(holder, agentId, path, headers = {}, { waitForTrailers = false } = {}) {
      const session = await sessionWith(holder)
      const stream = session.request(
        {
          ':method': 'POST',
          ':path': path,
          ...headers,
          [RELAY_AGENT]: agentId,
          [RELAY_KEY]: options.key.toString('base64url'),
          ...(waitForTrailers ? { [RELAY_TRAILERS]: '1' } : {}),
        },
        { endStream: false, waitForTrailers },
      )
      stream.on('error', () => {})
      return stream
    },
    async close() {
      over.abort()
      for (const made of sessions.values()) made.then((session) => session.destroy()).catch(() => {})
      own.close()
      await forgetReplica(db, own.row).catch((error: unknown) =>
        log.debug('a replica was not forgotten', { replica, error: messageOf(error) }),
      )
    },
  }
}

interface Own {
  readonly row: ReplicaRow
  close(): void
}

async function serve({ clock, log, replica, host, port, key, linkOf }: PeersOptions): Promise<Own> {
  const now = clock.now()
  const wish = {
    name: 'bothy replica',
    hosts: [host],
    use: 'both-ends',
    from: now - 3_600_000,
    until: now + YEAR_MS,
    issuer: null,
  } as const
  const certificate = makeCertificate(wish)
  const open = new Set<ServerHttp2Session>()
  const server = createSecureServer({
    key: certificate.key,
    cert: certificate.certificate,
    minVersion: 'TLSv1.3',
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
  })
  server.on('session', (session) => {
    open.add(session)
    session.on('close', () => open.delete(session))
    session.on('error', () => {})
    if (!session.destroyed) session.setLocalWindowSize(SESSION_WINDOW_BYTES)
  })
  server.on('sessionError', (error) => log.debug('another replica was cut off', { error: messageOf(error) }))
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const shown = Buffer.from(String(headers[RELAY_KEY] ?? ''), 'base64url')
    if (shown.length !== key.length || !timingSafeEqual(shown, key)) return void stream.respond({ ':status': 403 }, { endStream: true })
    const link = linkOf(String(headers[RELAY_AGENT] ?? ''))
    if (link) passOn(stream, headers, link, log)
    else refuse(stream, `The agent of the workspace is no longer connected to the replica ${replica}.`)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const { port: bound } = server.address() as AddressInfo
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${bound}`
  return {
    row: { name: replica, url, fingerprint: createHash('sha256').update(certificate.der).digest('hex') },
    close() {
      server.close()
      // Ended as if all were done, what is open would look complete to whoever asked.
      for (const session of open) session.destroy(undefined, constants.NGHTTP2_INTERNAL_ERROR)
    },
  }
}

async function announceNowAndThen({ db, clock, log }: PeersOptions, row: ReplicaRow, over: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(ANNOUNCE_EVERY_MS, over)
    if (over.aborted) return
    await announceReplica(db, row).catch((error: unknown) => log.warn('this replica could not be announced', { error: messageOf(error) }))
  }
}

async function dial({ db, clock }: PeersOptions, holder: string): Promise<ClientHttp2Session> {
  const row = await replicaNamed(db, holder)
  if (!row) throw new Transient(`nobody knows where the replica ${holder} of the control plane is`)
  // Which certificate it is says whether it is the right one; no authority is asked.
  const session = connect(row.url, {
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    settings: { initialWindowSize: STREAM_WINDOW_BYTES },
  })
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) => {
      session.destroy()
      reject(new Transient(`the replica ${holder} of the control plane cannot be reached: ${why}`))
    }
    const cancel = clock.after(CONNECT_MS, () => fail('it does not answer'))
    session.on('error', (error) => fail(messageOf(error)))
    session.once('connect', (_session, socket) => {
      cancel()
      const { raw } = (socket as TLSSocket).getPeerCertificate()
      if (createHash('sha256').update(raw).digest('hex') !== row.fingerprint) return fail('it shows another certificate')
      session.setLocalWindowSize(SESSION_WINDOW_BYTES)
      resolve()
    })
  })
  keepAlive(session, clock, PING)
  return session
}
