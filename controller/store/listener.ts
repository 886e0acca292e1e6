import { jittered, exponentialMs } from '../kernel/backoff.ts'
import { within, type Clock } from '../kernel/clock.ts'
import { messageOf, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'

/**
 * One connection that listens for everybody in this process. It is opened again whenever it breaks, and asked now and
 * then whether it is still there: a connection whose other end vanished says nothing by itself.
 */
export interface Listener {
  listen(channel: string, onPayload: (payload: string) => void, onReconnect: () => void): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** What it needs of a connection. */
interface Line {
  on(event: 'notification', heard: (message: { readonly channel: string; readonly payload?: string | undefined }) => void): unknown
  once(event: 'end' | 'error', broken: () => void): unknown
  query(sql: string): Promise<unknown>
  end(): Promise<void>
}

interface Ports {
  readonly log: Log
  readonly clock: Clock
  readonly connect: () => Promise<Line>
}

interface Ear {
  readonly channel: string
  readonly onPayload: (payload: string) => void
  readonly onReconnect: () => void
}

const CHECK_EVERY_MS = 15_000
const CHECK_LIMIT_MS = 5_000
const CHANNEL = /^[a-z_]{1,40}$/

export function createListener({ log, clock, connect }: Ports): Listener {
  const ears = new Set<Ear>()
  const ended = new AbortController()
  let client: Line | null = null
  /** Set from the first wish to listen until close: connects, and connects again. */
  let first: Promise<void> | null = null

  const open = (): Promise<Line> => openFor(ears, connect, (opened) => (client = opened))

  const keep = async (opened: Line): Promise<void> => {
    await brokenOrEnded(opened, clock, ended.signal)
    client = null
    await opened.end().catch(() => {})
  }

  const keepForEver = async (opened: Line): Promise<void> => {
    await keep(opened)
    for (let failures = 1; !ended.signal.aborted; failures += 1) {
      try {
        const again = await open()
        failures = 0
        log.info('listening to Postgres again')
        for (const ear of ears) ear.onReconnect()
        await keep(again)
      } catch (error) {
        log.warn('cannot listen to Postgres', { error: messageOf(error) })
        await clock.sleep(jittered(exponentialMs(failures, 100, 5_000), Math.random()), ended.signal)
      }
    }
  }

  const begin = async (): Promise<void> => {
    const opened = await open()
    void keepForEver(opened)
  }

  return {
    async listen(channel, onPayload, onReconnect) {
      if (!CHANNEL.test(channel)) throw new Error(`${channel} is no name for a channel`)
      if (ended.signal.aborted) throw new Transient('the connection to Postgres is closed')
      const ear: Ear = { channel, onPayload, onReconnect }
      ears.add(ear)
      try {
        first ??= begin()
        await first
      } catch (error) {
        first = null
        ears.delete(ear)
        throw error
      }
      // While it is being connected again nothing is lost: every channel is listened to then, and onReconnect told.
      await client?.query(`listen ${channel}`).catch(() => {})
      return async () => {
        ears.delete(ear)
        if (![...ears].some((other) => other.channel === channel)) await client?.query(`unlisten ${channel}`).catch(() => {})
      }
    },
    async close() {
      ended.abort()
      const open = client
      ears.clear()
      await open?.end().catch(() => {})
    },
  }
}

/** A connection that hears every channel somebody listens to; `ready` is told in the same turn, so that nobody falls in between. */
async function openFor(ears: ReadonlySet<Ear>, connect: Ports['connect'], ready: (opened: Line) => void): Promise<Line> {
  const opened = await connect()
  try {
    opened.on('notification', ({ channel, payload }) => {
      for (const ear of ears) if (ear.channel === channel) ear.onPayload(payload ?? '')
    })
    const heard = new Set<string>()
    const next = (): Ear | undefined => [...ears].find(({ channel }) => !heard.has(channel))
    // Looked at anew after each: somebody may begin to listen meanwhile.
    for (let ear = next(); ear; ear = next()) {
      heard.add(ear.channel)
      await opened.query(`listen ${ear.channel}`)
    }
    ready(opened)
    return opened
  } catch (error) {
    await opened.end().catch(() => {})
    throw error
  }
}

function brokenOrEnded(client: Line, clock: Clock, signal: AbortSignal): Promise<void> {
  const broken = Promise.withResolvers<void>()
  client.once('end', broken.resolve)
  client.once('error', broken.resolve)
  const over = new AbortController()
  const end = () => over.abort()
  void broken.promise.then(end)
  if (signal.aborted) end()
  signal.addEventListener('abort', end)
  return answering(client, clock, over.signal).finally(() => signal.removeEventListener('abort', end))
}

/** Resolves when it is over, or when the connection no longer answers. */
async function answering(client: Line, clock: Clock, over: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(CHECK_EVERY_MS, over)
    if (over.aborted) return
    try {
      await within(clock, CHECK_LIMIT_MS, client.query('select 1'), () => new Transient('no answer'))
    } catch {
      return
    }
  }
}
