import { randomUUID } from 'node:crypto'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Clock } from '../controller/kernel/clock.ts'
import { keepAlive } from '../controller/kernel/session-pings.ts'
import type { AgentEnvironment } from './environment.ts'
import { controlHelloIn } from './messages.ts'
import { createParts, orReset } from './parts.ts'
import { PING_EVERY_MS, PING_LIMIT_MS, PROTOCOL, protocolMismatch, SERVICES, type AgentHello } from './protocol.ts'
import { answer, jsonBody, serve } from './serve.ts'

/** One run of the agent's program: what it knows and does, whichever link it is reached over. */
export interface Agent {
  /** Serves a new link; resolves when it is gone. */
  serve(link: Duplex): Promise<void>
  /** The machine ends: stop scripts, a last word to the control plane, and everything that runs here. */
  end(): Promise<void>
}

export const AGENT_VERSION = '0.1.0'

/** With the beginning of the digest of its program, where it was built as one. */
const versionOf = ({ program }: AgentEnvironment): string => (program === '' ? AGENT_VERSION : `${AGENT_VERSION}+${program.slice(0, 12)}`)

const BODY_BYTES_MAX = 4 * 1024 * 1024
/** On TERM the machine goes soon whatever we do. */
const STOP_ON_TERM_LIMIT_MS = 5000
const LAST_REPORT_LIMIT_MS = 2000
const END_GRACE_MS = 1500

export function createAgent(environment: AgentEnvironment, clock: Clock, say: (line: string) => void): Agent {
  const runId = randomUUID()
  const links = new Set<ServerHttp2Session>()
  const parts = createParts({ environment, clock, say, linked: () => links.size > 0 })
  const { lifecycle, reports } = parts

  const hello = async (stream: ServerHttp2Stream) => {
    const asked = controlHelloIn(await jsonBody(stream, BODY_BYTES_MAX))
    if (!asked) return answer(stream, 400, { message: 'this is no hello' })
    const mismatch = protocolMismatch(PROTOCOL, asked.protocol)
    if (mismatch) {
      say(mismatch)
      return answer(stream, 426, { message: mismatch })
    }
    const { now, message } = lifecycle
    const mine: AgentHello = { protocol: PROTOCOL, version: versionOf(environment), runId, pid: process.pid, lifecycle: now, message }
    answer(stream, 200, mine)
    parts.told(asked.manifest, asked.complete)
  }
  const services = { ...parts.services, [SERVICES.hello]: orReset(hello) }

  return {
    serve(link) {
      const session = serve(link, services)
      links.add(session)
      parts.linkedAgain()
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
      await parts.stop(STOP_ON_TERM_LIMIT_MS)
      const taken = new Promise<void>((resolve) => {
        const look = () => (reports.empty || links.size === 0 ? resolve() : undefined)
        reports.onChange(look)
        for (const session of links) session.on('close', () => setImmediate(look))
        look()
      })
      await Promise.race([taken, clock.sleep(LAST_REPORT_LIMIT_MS)])
      await parts.endAll(END_GRACE_MS)
      for (const session of links) session.destroy()
    },
  }
}
