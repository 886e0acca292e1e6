import { randomUUID } from 'node:crypto'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Clock } from '../controller/kernel/clock.ts'
import { keepAlive } from '../controller/kernel/session-pings.ts'
import { createCalls } from './calls.ts'
import type { AgentEnvironment } from './environment.ts'
import { serveEvents } from './events-service.ts'
import { serveExec } from './exec-service.ts'
import { createLifecycle } from './lifecycle.ts'
import { controlHelloIn, isSignalWish } from './messages.ts'
import { PING_EVERY_MS, PING_LIMIT_MS, PROTOCOL, protocolMismatch, SERVICES, type AgentHello, type Manifest } from './protocol.ts'
import { createReports } from './reports.ts'
import { createScriptRuns } from './runs.ts'
import { createStats } from './stats.ts'
import { answer, jsonBody, serve, type Service } from './serve.ts'
import { isSignal } from './spawn.ts'
import { serveTerminal } from './terminal-service.ts'
import { createTerminals } from './terminals.ts'

/** One run of the agent's program: what it knows and does, whichever link it is reached over. */
export interface Agent {
  /** Serves a new link; resolves when it is gone. */
  serve(link: Duplex): Promise<void>
  /** The machine ends: stop scripts, a last word to the control plane, and everything that runs here. */
  end(): Promise<void>
}

export const AGENT_VERSION = '0.1.0'

const BODY_BYTES_MAX = 4 * 1024 * 1024
/** Asked by the control plane, which has its own limit; on TERM the machine goes soon whatever we do. */
const STOP_LIMIT_MS = 120_000
const STOP_ON_TERM_LIMIT_MS = 5000
const LAST_REPORT_LIMIT_MS = 2000
const END_GRACE_MS = 1500

export function createAgent(environment: AgentEnvironment, clock: Clock, say: (line: string) => void): Agent {
  const runId = randomUUID()
  const reports = createReports(() => clock.now())
  const lifecycle = createLifecycle(reports)
  const links = new Set<ServerHttp2Session>()
  let manifest: Manifest = { scripts: [], env: {}, dir: '', metadata: [], apps: [], sshHostKey: '' }
  const stats = createStats(reports, clock)
  const calls = createCalls({ environment, manifest: () => manifest, linked: () => links.size > 0, onStarted: stats.watch, clock })
  const terminals = createTerminals({ environment, manifest: () => manifest, linked: () => links.size > 0, onStarted: stats.watch, clock })
  const scripts = createScriptRuns({ environment, manifest: () => manifest, lifecycle, reports, clock })

  const hello = async (stream: ServerHttp2Stream) => {
    const asked = controlHelloIn(await jsonBody(stream, BODY_BYTES_MAX))
    if (!asked) return answer(stream, 400, { message: 'this is no hello' })
    const mismatch = protocolMismatch(PROTOCOL, asked.protocol)
    if (mismatch) {
      say(mismatch)
      return answer(stream, 426, { message: mismatch })
    }
    manifest = asked.manifest
    const { now, message } = lifecycle
    const mine: AgentHello = { protocol: PROTOCOL, version: AGENT_VERSION, runId, pid: process.pid, lifecycle: now, message }
    answer(stream, 200, mine)
    if (asked.complete) scripts.start()
  }
  const signal = async (stream: ServerHttp2Stream) => {
    const wish = await jsonBody(stream, BODY_BYTES_MAX)
    if (!isSignalWish(wish) || !isSignal(wish.signal)) return answer(stream, 400, { message: 'an id and the name of a signal are wanted' })
    const known = calls.signal(wish.id, wish.signal) || terminals.signal(wish.id, wish.signal)
    answer(stream, known ? 200 : 404, known ? {} : { message: `there is no command or terminal ${wish.id}` })
  }
  const shutdown: Service = (stream) => {
    answer(stream, 202, {})
    void scripts.stop(STOP_LIMIT_MS)
  }
  const services: Readonly<Record<string, Service>> = {
    [SERVICES.hello]: orReset(hello),
    [SERVICES.signal]: orReset(signal),
    [SERVICES.shutdown]: shutdown,
    [SERVICES.events]: (stream) => serveEvents(stream, reports),
    [SERVICES.exec]: (stream, headers) => serveExec(stream, headers, calls),
    [SERVICES.commands]: (stream) => answer(stream, 200, calls.list()),
    [SERVICES.terminal]: (stream, headers) => serveTerminal(stream, headers, terminals),
    [SERVICES.terminals]: (stream) => answer(stream, 200, terminals.list()),
  }

  return {
    serve(link) {
      const session = serve(link, services)
      links.add(session)
      calls.linkedAgain()
      terminals.linkedAgain()
      // What waits from before is said anew, as of now.
      stats.say()
      keepAlive(session, clock, { everyMs: PING_EVERY_MS, limitMs: PING_LIMIT_MS })
      return new Promise((resolve) => {
        session.on('close', () => {
          links.delete(session)
          link.destroy()
          resolve()
        })
      })
    },
    async end() {
      await scripts.stop(STOP_ON_TERM_LIMIT_MS)
      const taken = new Promise<void>((resolve) => {
        const look = () => (reports.empty || links.size === 0 ? resolve() : undefined)
        reports.onChange(look)
        for (const session of links) session.on('close', () => setImmediate(look))
        look()
      })
      await Promise.race([taken, clock.sleep(LAST_REPORT_LIMIT_MS)])
      await Promise.all([scripts.endAll(END_GRACE_MS), calls.endAll(END_GRACE_MS), terminals.endAll(END_GRACE_MS)])
      for (const session of links) session.destroy()
    },
  }
}

/** A body that breaks off is the end of its stream, not of the program. */
const orReset =
  (service: (stream: ServerHttp2Stream) => Promise<void>): Service =>
  (stream) => {
    service(stream).catch(() => stream.close())
  }
