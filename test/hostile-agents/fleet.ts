import { randomUUID } from 'node:crypto'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Agent } from '../../agent/agent.ts'
import { PING_EVERY_MS, PING_LIMIT_MS, PROTOCOL, SERVICES, type AgentHello } from '../../agent/protocol.ts'
import { keepLinked } from '../../agent/run.ts'
import { answer, jsonBody, serve } from '../../agent/serve.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { sha256 } from '../../controller/kernel/names.ts'
import { keepAlive } from '../../controller/kernel/session-pings.ts'
import { NO_MANIFEST } from '../../controller/store/agent-manifests.ts'
import type { Db } from '../../controller/store/pool.ts'

/** Many agents in one process: the protocol and the way back are the real ones, and behind them nothing runs. */
export interface Fleet {
  readonly linked: number
  /** Links made since the beginning. */
  readonly links: number
  /** Those that were refused for good. */
  readonly refused: number
  end(): void
}

export interface Known {
  readonly id: string
  readonly token: string
}

/** Rows of agents that no build need have made. */
export async function knownAgents(db: Db, count: number): Promise<readonly Known[]> {
  const made = Array.from({ length: count }, () => ({ id: randomUUID(), token: randomUUID() }))
  await db.query(
    `insert into agents (id, workspace_uid, workspace_key, job_id, token_hash, manifest, confirmed, name)
     select a ->> 0, a ->> 0, 'Workspace/default/' || (a ->> 0), 0, a ->> 1, $2::json, true, 'main' from jsonb_array_elements($1::jsonb) as a`,
    [JSON.stringify(made.map(({ id, token }) => [id, sha256(token)])), JSON.stringify(NO_MANIFEST)],
  )
  return made
}

const BODY_BYTES_MAX = 4 * 1024 * 1024

export function startFleet(url: () => string, agents: readonly Known[]): Fleet {
  const over = new AbortController()
  const sessions = new Set<ServerHttp2Session>()
  let links = 0
  let refused = 0
  for (const { id, token } of agents) {
    const agent: Agent = { serve: (link) => served(link), end: async () => {} }
    const hello: AgentHello = { protocol: PROTOCOL, version: 'fleet', runId: randomUUID(), pid: 1, lifecycle: 'Ready', message: '' }
    const greet = async (stream: ServerHttp2Stream) => {
      await jsonBody(stream, BODY_BYTES_MAX)
      answer(stream, 200, hello)
    }
    const services = {
      [SERVICES.hello]: (stream: ServerHttp2Stream) => void greet(stream).catch(() => stream.close()),
      [SERVICES.events]: (stream: ServerHttp2Stream) => {
        stream.respond({ ':status': 200 })
        stream.resume()
      },
    }
    const served = (link: Duplex): Promise<void> => {
      const session = serve(link, services)
      keepAlive(session, systemClock, { everyMs: PING_EVERY_MS, limitMs: PING_LIMIT_MS })
      sessions.add(session)
      links += 1
      return new Promise((resolve) =>
        session.on('close', () => {
          sessions.delete(session)
          link.destroy()
          resolve()
        }),
      )
    }
    const environment = {
      agentId: id,
      token: () => token,
      url,
      home: '/',
      shell: '/bin/sh',
      supervised: false,
      program: '',
      inherited: {},
    }
    void keepLinked(agent, environment, systemClock, over.signal, () => {}).then((code) => (refused += code === 0 ? 0 : 1))
  }
  return {
    get linked() {
      return sessions.size
    },
    get links() {
      return links
    },
    get refused() {
      return refused
    },
    end() {
      over.abort()
      for (const session of sessions) session.destroy()
    },
  }
}
