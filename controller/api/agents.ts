import { toIso } from '../kernel/clock.ts'
import { agentDetailsOf, type AgentDetails } from '../store/agent-details.ts'
import { statusOf } from '../store/agent-status.ts'
import { agentsOf } from '../store/agents.ts'
import type { AgentApp, AgentRow } from '../store/records.ts'
import { answerJson } from './answer.ts'
import type { Call, ResourceHandler } from './ports.ts'
import { existing } from './resources.ts'

/**
 * `GET …/workspaces/NAME/agents[?ports=true]`: what the agents of a workspace are, offer and say of themselves, as of now.
 *
 *   {items: [{name, status, lifecycle, message, version, apps: […], metadata: […], stats?, ports?}]}
 */
export const listAgents: ResourceHandler = async (call, target) => {
  const { uid } = (await existing(call, target)).metadata
  const agents = (await agentsOf(call.ports.db, uid)).filter(({ confirmed }) => confirmed)
  const details = await agentDetailsOf(
    call.ports.db,
    agents.map(({ id }) => id),
  )
  const withPorts = ['true', '1'].includes(call.query.get('ports') ?? '')
  const items = await Promise.all(
    agents.map(async (agent) => {
      const item = shown(agent, details.get(agent.id) ?? NOTHING, call)
      return withPorts ? Object.assign(item, { ports: await call.ports.portsOf(agent.id) }) : item
    }),
  )
  answerJson(call.response, 200, { items })
}

const NOTHING: AgentDetails = { metadata: [], stats: null }

function shown(agent: AgentRow, { metadata, stats }: AgentDetails, { ports }: Call) {
  const values = new Map(metadata.map((value) => [value.key, value]))
  return {
    name: agent.name,
    status: statusOf(agent, ports.clock.now()),
    lifecycle: agent.lifecycle,
    message: agent.message,
    version: agent.version,
    resource: agent.manifest.resource,
    apps: agent.manifest.apps.map((app) => ({ ...app, healthcheck: undefined, health: healthOf(agent, app) })),
    // Declared and not said yet: there, without a value.
    metadata: agent.manifest.metadata.map(({ key, displayName }) => {
      const said = values.get(key)
      return { key, displayName, ...(said ? { value: said.value, error: said.error, at: toIso(said.at) } : {}) }
    }),
    devcontainers: agent.manifest.devcontainers,
    ...(stats === null ? {} : { stats }),
  }
}

const healthOf = ({ appHealth }: AgentRow, { slug, healthcheck }: AgentApp): string =>
  healthcheck ? (appHealth[slug] ?? 'Initializing') : 'Disabled'
