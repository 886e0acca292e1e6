import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../kernel/clock.ts'
import { messageOf, type Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { replicaGone } from '../store/agent-links.ts'
import { agentDisconnected, agentSeen, agentsOf } from '../store/agents.ts'
import type { AgentManifest } from '../store/agent-manifests.ts'
import type { Db } from '../store/pool.ts'
import type { Subject } from '../store/records.ts'
import { arrive, type Arrival } from './arrive.ts'
import type { HostKey } from './host-key.ts'
import { answerPlainly } from './http-answer.ts'
import { createFiles, type Files } from './files.ts'
import { createPenalties, type Penalties } from './flood.ts'
import { createKnownAgent, type KnownAgent } from './known.ts'
import { createLink, type Link } from './link.ts'
import { openPeers, type PeersOptions } from './peers.ts'
import { createReach, type Reach } from './reach.ts'
import { createSessions, type Enter } from './sessions.ts'
import { talk, type Talk } from './talk.ts'

/** Every agent that is connected to this replica, and how to reach one. */
export interface Connections extends Reach {
  /** An agent dials in: `CONNECT_PATH` with an upgrade. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** A person enters a workspace: a connection that is bridged to one of the agent's services. */
  readonly enter: Enter
  /** One operation on files of a workspace, over plain HTTP. */
  readonly files: Files['serve']
  /** Of each agent of a workspace, by its name: the line that known_hosts has of it. */
  hostKeys(workspaceUid: string): Promise<Readonly<Record<string, string>>>
  /** Its token was revoked: the connection ends now. */
  cut(agentId: string): void
  /** Who may enter what has changed: sessions of people that may go on no longer end now. */
  review(): void
  readonly connected: number
  close(): Promise<void>
}

export interface ConnectPorts {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** Who holds a connection. Stable over restarts in standalone, so that a crash is cleaned up after. */
  readonly replica: string
  /** The key that an agent's ssh server shows: the same for every build of its workspace. */
  readonly hostKey: (workspaceUid: string, agentName: string) => HostKey
  /** Why nobody may enter a workspace now, as while its owner is suspended. */
  readonly barred: (workspace: Subject) => Refused | null
  /** What only the agent is told of its manifest is kept sealed; absent: it is not. */
  readonly opened?: (agentId: string, manifest: AgentManifest) => AgentManifest
  /** Where other replicas of this control plane reach it; absent: there are none. */
  readonly peering?: Pick<PeersOptions, 'host' | 'port' | 'key'>
}

interface Held {
  readonly link: Link
  readonly talk: Talk
  /** The same agent has connected again. */
  replaced: boolean
  /** It has ended, and that is written down. */
  readonly over: Promise<void>
}

const SEEN_EVERY_MS = 15_000
const POLITE_MS = 300
/** Upgrades that are being looked up at a time; the rest are told to come again. */
const ARRIVING_MAX = 2048

export async function createConnections(ports: ConnectPorts): Promise<Connections> {
  const { db, clock, log, metrics, replica } = ports
  const held = new Map<string, Held>()
  const closing = new AbortController()
  let arriving = 0

  await replicaGone(db, replica)
  metrics.gauge('bothy_agents_connected', 'Agents connected to this replica', () => held.size)
  const wakeAll = () => [...held.values()].forEach(({ talk }) => talk.wake())
  const stopListening = await db.listen('bothy_agents', (agentId) => held.get(agentId)?.talk.wake(), wakeAll)
  void noteSeen(ports, held, closing.signal)

  const holding = { ...ports, known: createKnownAgent(db), penalties: createPenalties(clock) }
  const hold = (arrival: Arrival) => holdLink(holding, held, arrival, closing.signal)
  const upgrade: Connections['upgrade'] = (request, socket, head) => {
    socket.on('error', () => {})
    if (closing.signal.aborted || arriving >= ARRIVING_MAX)
      return answerPlainly(socket, 503, 'The control plane is busy; come again in a moment.')
    arriving += 1
    arrive(holding.known, log, request, socket, head)
      .finally(() => (arriving -= 1))
      .then((arrival) => {
        metrics.count('bothy_agent_dials_total', 'Agents that dialled in', { outcome: arrival ? 'accepted' : 'refused' })
        return arrival && hold(arrival)
      })
      .catch((error: unknown) => log.warn('the state of an agent could not be kept', { error: messageOf(error) }))
  }

  const linkOf = (agentId: string) => held.get(agentId)?.link
  const peers = ports.peering ? await openPeers({ db, clock, log, replica, linkOf, ...ports.peering }) : null
  const { openStream, agentOf, portsOf } = createReach({
    db,
    clock,
    replica,
    linkOf,
    peers,
    isThere: (agentId) => Boolean(held.get(agentId)?.talk.runId),
    closing: closing.signal,
  })
  const entering = { db, clock, log, metrics, agentOf, openStream, barred: ports.barred }
  const sessions = createSessions(entering)
  const files = createFiles(entering)

  return {
    upgrade,
    enter: sessions.enter,
    openStream,
    agentOf,
    portsOf,
    hostKeys: async (workspaceUid) => {
      const agents = (await agentsOf(db, workspaceUid)).filter(({ confirmed }) => confirmed)
      return Object.fromEntries(agents.map(({ name }) => [name, ports.hostKey(workspaceUid, name).publicKey]))
    },
    files: files.serve,
    review() {
      sessions.review()
      files.review()
    },
    cut: (agentId) => held.get(agentId)?.link.cut('the agent is no longer let in'),
    get connected() {
      return held.size
    },
    async close() {
      closing.abort()
      sessions.close()
      files.close()
      await letGo(
        [...held.values()].map(({ link }) => link),
        clock,
      )
      await Promise.all([stopListening(), peers?.close(), replicaGone(db, replica)])
    },
  }
}

/** Reports are followed for ever; whatever else is open may end, for a moment. */
async function letGo(links: readonly Link[], clock: Clock): Promise<void> {
  const busy = links.filter(({ streams }) => streams > 1)
  for (const link of busy) link.closePolitely()
  if (busy.length > 0) await Promise.race([Promise.all(busy.map((link) => link.idle())), clock.sleep(POLITE_MS)])
  for (const link of links) link.cut('the control plane ends')
}

interface HoldPorts extends ConnectPorts {
  readonly known: KnownAgent
  readonly penalties: Penalties
}

/** One connection, from the first word to the last. */
async function holdLink(ports: HoldPorts, held: Map<string, Held>, arrival: Arrival, closing: AbortSignal): Promise<void> {
  const { agent, connection } = arrival
  if (ports.penalties.waitMs(agent.id) > 0) return void connection.destroy()
  for (let before = held.get(agent.id); before; before = held.get(agent.id)) {
    // The newest wins: the one before is half open, and its agent has already given it up.
    before.replaced = true
    before.link.cut('the agent connected again')
    await before.over
  }
  if (closing.aborted) return void connection.destroy()
  // Said once for each time that it is let in, and it is let in ever more seldom.
  const misbehaves = (why: string) => {
    ports.log.warn('an agent misbehaves, and is let in again later', { agent: agent.id, why })
    ports.penalties.punish(agent.id)
  }
  const link = createLink(connection, ports.clock, misbehaves)
  const conversation = talk({ ...ports, misbehaves }, arrival, link)
  const noteEnd = async () => {
    await conversation.over
    // Written before the next connection of this agent is written, so that they cannot overtake each other.
    if (conversation.runId && !mine.replaced && !closing.aborted) await agentDisconnected(ports.db, agent.id, conversation.runId)
  }
  const ended = noteEnd().finally(() => held.delete(agent.id))
  const mine: Held = { link, talk: conversation, replaced: false, over: ended.catch(() => {}) }
  held.set(agent.id, mine)
  await ended
}

/** Being connected is written down in one statement for all, well within the time after which silence counts. */
async function noteSeen({ db, clock, log }: ConnectPorts, held: ReadonlyMap<string, Held>, over: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(SEEN_EVERY_MS, over)
    if (over.aborted) return
    const ids = [...held].flatMap(([id, { talk }]) => (talk.runId ? [id] : []))
    try {
      if (ids.length > 0) await agentSeen(db, ids)
    } catch (error) {
      log.warn('could not note which agents are connected', { error: messageOf(error) })
    }
  }
}
