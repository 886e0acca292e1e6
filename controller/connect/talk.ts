import { isDeepStrictEqual } from 'node:util'
import { PROTOCOL, SERVICES, type AgentHello, type ControlHello } from '../../agent/protocol.ts'
import type { Clock } from '../kernel/clock.ts'
import { messageOf, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { agentConnected, agentReported } from '../store/agents.ts'
import type { Db } from '../store/pool.ts'
import type { AgentManifest } from '../store/agent-manifests.ts'
import type { AgentRow } from '../store/records.ts'
import type { Arrival } from './arrive.ts'
import { ask } from './ask.ts'
import { createKeeper } from './keep-reports.ts'
import { Misbehaved } from './flood.ts'
import type { HostKey } from './host-key.ts'
import type { KnownAgent } from './known.ts'
import type { Link } from './link.ts'
import { isAgentHello } from './messages.ts'
import { followReports } from './reports.ts'

export interface TalkPorts {
  readonly db: Db
  readonly known: KnownAgent
  readonly misbehaves: (why: string) => void
  readonly clock: Clock
  readonly log: Log
  readonly replica: string
  /** The key that an agent's ssh server shows. */
  readonly hostKey: (workspaceUid: string, agentName: string) => HostKey
  readonly opened?: (agentId: string, manifest: AgentManifest) => AgentManifest
}

export interface Talk {
  /** The run of the agent's program; null before its hello. */
  readonly runId: string | null
  /** Reads the agent's row again: what it is told may have changed, a wish may be there, or the agent may be gone. */
  wake(): void
  /** Resolves when the link is gone. */
  readonly over: Promise<void>
}

/** Everything the control plane says to one connected agent by itself, and what it keeps of the answers. */
export function talk(ports: TalkPorts, { agent, tokenHash }: Arrival, link: Link): Talk {
  const { db, known, clock, log, replica } = ports
  let runId: string | null = null
  let told = agent
  let shutdownAsked = false
  let looking: Promise<void> = Promise.resolve()

  const greet = async (row: AgentRow): Promise<AgentHello> => {
    const { status, value } = await ask(link, clock, SERVICES.hello, helloOf(row, ports.hostKey))
    // A link that breaks off ends an answer without a word: that is nobody's fault.
    if (value === null) throw new Transient(`the agent broke off its hello (${status})`)
    if (status !== 200 || !isAgentHello(value)) throw new Misbehaved(`the agent did not answer the hello as agents do (${status})`)
    told = row
    return value
  }
  const passOnWishes = async (row: AgentRow) => {
    if (row.shutdownRequestedAt === null || shutdownAsked) return
    shutdownAsked = true
    await ask(link, clock, SERVICES.shutdown, {})
  }
  const look = async () => {
    const row = openedRow(ports, await known(agent.id, tokenHash))
    if (!row) return link.cut('the agent belongs to no workspace any more')
    if (row.name !== told.name || !isDeepStrictEqual(row.manifest, told.manifest)) await greet(row)
    told = row
    await passOnWishes(row)
  }
  const converse = async () => {
    const hello = await greet(openedRow(ports, agent))
    await agentConnected(db, agent.id, { runId: hello.runId, replica, version: hello.version })
    await agentReported(db, agent.id, hello.runId, hello.lifecycle, hello.message)
    runId = hello.runId
    looking = look()
    await Promise.all([looking, followReports(link, ports, createKeeper(db, clock, { agent: () => told, runId }))])
  }
  const failed = (error: unknown) => {
    if (error instanceof Misbehaved) ports.misbehaves(error.message)
    else log.info('the link to an agent is cut', { agent: agent.id, error: messageOf(error) })
    link.cut(messageOf(error))
  }

  const untilGone = async () => {
    await converse().catch(failed)
    await link.gone
  }
  return {
    get runId() {
      return runId
    },
    wake() {
      // In turn, and each with a fresh reading: a wake never gets lost behind one that is under way.
      if (runId) looking = looking.then(look).catch(failed)
    },
    over: untilGone(),
  }
}

const openedRow = <Row extends AgentRow | null>({ opened }: TalkPorts, row: Row): Row =>
  row && opened ? { ...row, manifest: opened(row.id, row.manifest) } : row

/** What people are shown of it stays here. The key goes with the name, which the agent has when its build has ended. */
function helloOf({ manifest, workspaceUid, name }: AgentRow, hostKey: TalkPorts['hostKey']): ControlHello {
  const { scripts, env, dir, metadata } = manifest
  const apps = manifest.apps.map(({ slug, url, command, healthcheck }) => ({ slug, url, command, healthcheck }))
  const sshHostKey = name === '' ? '' : hostKey(workspaceUid, name).privateKey
  return { protocol: PROTOCOL, complete: manifest.complete, manifest: { scripts, env, dir, metadata, apps, sshHostKey } }
}
