import { SERVICES, type PortSeen } from '../../agent/protocol.ts'
import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { Clock } from '../kernel/clock.ts'
import { isRefused, Refused, Transient } from '../kernel/errors.ts'
import { replicaOf } from '../store/agent-links.ts'
import { agentsOf } from '../store/agents.ts'
import type { Db } from '../store/pool.ts'
import type { AgentRow } from '../store/records.ts'
import { listeningPorts } from './agent-ports.ts'
import type { Link, StreamOptions } from './link.ts'
import type { Peers } from './peers.ts'

/** The one way to an agent. Whoever wants something of one comes through here. */
export interface Reach {
  openStream(agentId: string, path: string, headers?: OutgoingHttpHeaders, options?: StreamOptions): Promise<ClientHttp2Stream>
  /** The agent of a workspace that somebody means; waits a moment for one that is just coming back. */
  agentOf(workspaceUid: string, name: string | null): Promise<AgentRow>
  /** What listens in the workspace of an agent; null: it cannot be asked now. */
  portsOf(agentId: string): Promise<readonly PortSeen[] | null>
}

export interface ReachPorts {
  readonly db: Db
  readonly clock: Clock
  readonly replica: string
  /** The link of an agent that is connected here. */
  readonly linkOf: (agentId: string) => Link | undefined
  /** It has said hello. */
  readonly isThere: (agentId: string) => boolean
  /** The other replicas of this control plane; null: there are none. */
  readonly peers: Pick<Peers, 'openStream'> | null
  readonly closing: AbortSignal
}

const COMING_BACK_MS = 5000
const COMING_BACK_LOOK_MS = 50

export function createReach({ db, clock, replica, linkOf, isThere, peers, closing }: ReachPorts): Reach {
  const openStream: Reach['openStream'] = async (agentId, path, headers, options) => {
    const link = linkOf(agentId)
    if (link) return link.open(path, headers, options)
    const holder = await replicaOf(db, agentId)
    if (peers && holder !== null && holder !== replica) return peers.openStream(holder, agentId, path, headers, options)
    throw new Refused('ServiceUnavailable', 'The agent of the workspace is not connected.', { retryAfterSeconds: 1 })
  }
  const isAnywhere = async (agentId: string): Promise<boolean> => {
    if (isThere(agentId)) return true
    const holder = peers ? await replicaOf(db, agentId) : null
    return holder !== null && holder !== replica
  }
  return {
    openStream,
    async agentOf(workspaceUid, name) {
      const agent = chosen(await agentsOf(db, workspaceUid), name)
      const limitAt = clock.elapsedMs() + COMING_BACK_MS
      while (!(await isAnywhere(agent.id)) && clock.elapsedMs() < limitAt && !closing.aborted)
        await clock.sleep(COMING_BACK_LOOK_MS, closing)
      return agent
    },
    async portsOf(agentId) {
      const stream = await openStream(agentId, SERVICES.ports, { 'content-type': 'application/json' }).catch((error: unknown) => {
        if (error instanceof Transient || isRefused(error, 'ServiceUnavailable')) return null
        throw error
      })
      return stream && listeningPorts({ open: () => stream }, clock)
    },
  }
}

function chosen(agents: readonly AgentRow[], name: string | null): AgentRow {
  const confirmed = agents.filter((agent) => agent.confirmed)
  const there = confirmed.length > 0 ? confirmed : agents
  const names = there.map((agent) => agent.name).join(', ')
  if (there.length === 0) throw new Refused('Conflict', 'The workspace has no agent now: it is not running.')
  const found = name === null ? there[0] : there.find((agent) => agent.name === name)
  if (!found) throw new Refused('NotFound', `The workspace has no agent ${name}; it has ${names}.`)
  if (name === null && there.length > 1) throw new Refused('BadRequest', `The workspace has several agents, ${names}: name one.`)
  return found
}
