import {
  APP_SHARES,
  NO_MANIFEST,
  type AgentApp,
  type AgentDevcontainer,
  type AgentManifest,
  type AgentMetadata,
  type AgentScript,
} from '../store/agent-manifests.ts'
import {
  agentNameProblem,
  byAddress,
  isAgent,
  numberOf,
  objectOf,
  ofKind,
  textOf,
  textsOf,
  type Attributes,
  type Instance,
  type State,
} from './state.ts'

/** The agents of a state, each with everything it runs, shows and offers. */

export interface AgentFound {
  readonly id: string
  readonly name: string
  readonly token: string
  readonly manifest: AgentManifest
}

const isScript = ofKind('script')
const isEnv = ofKind('env')
const isApp = ofKind('app')
const isDevcontainer = ofKind('devcontainer')
/** They depend on an agent because they belong to it: none of them is its machine. */
const BELONGINGS: ReadonlySet<string> = new Set(
  ['agent', 'app', 'script', 'env', 'metadata', 'devcontainer', 'external_agent', 'ai_task', 'agent_instance'].flatMap((kind) => [
    `coder_${kind}`,
    `bothy_${kind}`,
  ]),
)

/** Or the sentence that says why they cannot be. */
export function agentsIn(state: State): readonly AgentFound[] | string {
  const agents = state.instances.filter(isAgent)
  const taken = new Map<string, string>()
  const found: AgentFound[] = []
  for (const agent of agents) {
    const name = agent.name.toLowerCase()
    const other = taken.get(name)
    const problem = agentNameProblem(agent.name) ?? (other ? `the agents ${other} and ${agent.address} have the same name "${name}"` : null)
    if (problem) return problem
    taken.set(name, agent.address)
    const id = textOf(agent.attributes['id'])
    const env = environmentOf(agent.attributes, state.instances.filter(isEnv).filter(belongsTo(id)))
    if (typeof env === 'string') return env
    found.push({ id, name, token: textOf(agent.attributes['token']), manifest: manifestOf(state, agent, env) })
  }
  return slugProblem(state, new Set(found.map(({ id }) => id))) ?? found
}

const belongsTo =
  (agentId: string) =>
  ({ attributes }: Instance): boolean =>
    attributes['agent_id'] === agentId

/** An address names a workspace and an app: which agent has it is not always in there. */
function slugProblem({ instances }: State, agentIds: ReadonlySet<string>): string | null {
  const taken = new Map<string, string>()
  for (const { address, attributes } of instances.filter(isApp).toSorted(byAddress)) {
    if (!agentIds.has(textOf(attributes['agent_id']))) continue
    const slug = textOf(attributes['slug']).toLowerCase()
    const other = taken.get(slug)
    if (other) return `the apps ${other} and ${address} have the same slug "${slug}"`
    taken.set(slug, address)
  }
  return null
}

function manifestOf(state: State, { address, attributes: agent }: Instance, env: Readonly<Record<string, string>>): AgentManifest {
  const own = agentScripts({
    startupScript: textOf(agent['startup_script']),
    shutdownScript: textOf(agent['shutdown_script']),
    startupScriptBehavior: textOf(agent['startup_script_behavior']),
  })
  const mine = state.instances.filter(belongsTo(textOf(agent['id']))).toSorted(byAddress)
  return {
    scripts: [...own, ...mine.filter(isScript).flatMap(scriptsOf)],
    env,
    dir: textOf(agent['dir']),
    connectionTimeoutSeconds: numberOf(agent['connection_timeout'], NO_MANIFEST.connectionTimeoutSeconds),
    metadata: blocksOf(agent['metadata']).toSorted(byOrder).map(metadataOf),
    apps: mine
      .filter(isApp)
      .map(({ attributes }) => appOf(attributes))
      .toSorted((a, b) => a.order - b.order || (a.slug < b.slug ? -1 : 1)),
    devcontainers: mine.filter(isDevcontainer).map(devcontainerOf),
    resource: nearestDependent(state, withoutIndex(address)),
    complete: true,
  }
}

/** Dependencies are of resources, whichever of their instances. */
const withoutIndex = (address: string): string => address.replace(/\[[^\]]*\]$/, '')

/**
 * State tells of each resource everything it depends on, near and far. The nearest that depends on the agent is one that
 * depends on no other that does.
 */
function nearestDependent({ instances }: State, agent: string): string {
  const dependents = instances.filter(({ type, dependencies }) => !BELONGINGS.has(type) && dependencies.includes(agent))
  const plain = new Set(dependents.map(({ address }) => withoutIndex(address)))
  const nearest = dependents.filter(({ dependencies }) => !dependencies.some((each) => plain.has(each)))
  return nearest.toSorted(byAddress)[0]?.address ?? ''
}

/** The two scripts an agent carries itself. */
export function agentScripts(agent: {
  readonly startupScript: string
  readonly shutdownScript: string
  readonly startupScriptBehavior: string
}): AgentScript[] {
  const blocksLogin = agent.startupScriptBehavior === 'blocking'
  const own = { cron: null, timeoutSeconds: 0, logPath: '' }
  return [
    { ...own, name: 'startup_script', script: agent.startupScript, on: 'start' as const, blocksLogin },
    { ...own, name: 'shutdown_script', script: agent.shutdownScript, on: 'stop' as const, blocksLogin: false },
  ].filter(({ script }) => script !== '')
}

/** One resource may run at start, at stop and on a schedule. */
function scriptsOf({ attributes }: Instance): AgentScript[] {
  const cron = textOf(attributes['cron'])
  const script = (on: AgentScript['on']): AgentScript => ({
    name: textOf(attributes['display_name']),
    script: textOf(attributes['script']),
    on,
    cron: on === 'cron' ? cron : null,
    timeoutSeconds: numberOf(attributes['timeout'], 0),
    logPath: textOf(attributes['log_path']),
    blocksLogin: on === 'start' && attributes['start_blocks_login'] === true,
  })
  const atTimes = (['start', 'stop'] as const).filter((on) => attributes[`run_on_${on}`] === true).map(script)
  return cron ? [...atTimes, script('cron')] : atTimes
}

const metadataOf = (block: Attributes): AgentMetadata => ({
  key: textOf(block['key']),
  displayName: textOf(block['display_name']),
  script: textOf(block['script']),
  intervalSeconds: numberOf(block['interval'], 0),
  timeoutSeconds: numberOf(block['timeout'], 0),
})

function appOf(attributes: Attributes): AgentApp {
  const [check] = blocksOf(attributes['healthcheck'])
  const share = textOf(attributes['share'])
  return {
    slug: textOf(attributes['slug']),
    url: textOf(attributes['url']),
    command: textOf(attributes['command']),
    healthcheck: check
      ? { url: textOf(check['url']), intervalSeconds: numberOf(check['interval'], 0), threshold: numberOf(check['threshold'], 0) }
      : null,
    displayName: textOf(attributes['display_name']),
    icon: textOf(attributes['icon']),
    // What is no level of ours is shared with nobody.
    share: APP_SHARES.find((each) => each === share) ?? 'owner',
    subdomain: attributes['subdomain'] === true,
    external: attributes['external'] === true,
    hidden: attributes['hidden'] === true,
    order: numberOf(attributes['order'], 0),
    group: textOf(attributes['group']),
    openIn: attributes['open_in'] === 'tab' ? 'tab' : 'slim-window',
    tooltip: textOf(attributes['tooltip']),
  }
}

const devcontainerOf = ({ name, attributes }: Instance): AgentDevcontainer => ({
  name,
  workspaceFolder: textOf(attributes['workspace_folder']),
  configPath: textOf(attributes['config_path']),
})

/** A block that may be there once is a list of one too. */
function blocksOf(given: unknown): Attributes[] {
  const many: readonly unknown[] = Array.isArray(given) ? given : [given]
  return many.map(objectOf).filter((each) => each !== null)
}

const byOrder = (a: Attributes, b: Attributes): number => numberOf(a['order'], 0) - numberOf(b['order'], 0)

/** Variables that several resources give an agent are merged in order of their addresses, each in the way it asks for. */
function environmentOf(agent: Attributes, variables: readonly Instance[]): Record<string, string> | string {
  const env: Record<string, string> = { ...textsOf(agent['env']) }
  for (const { address, attributes } of variables.toSorted(byAddress)) {
    const name = textOf(attributes['name'])
    const value = textOf(attributes['value'])
    const before = env[name]
    const strategy = textOf(attributes['merge_strategy']) || 'replace'
    if (before === undefined || strategy === 'replace') env[name] = value
    else if (strategy === 'append') env[name] = `${before}:${value}`
    else if (strategy === 'prepend') env[name] = `${value}:${before}`
    else return `${address} sets the variable ${name}, which is set already, and asks for an error in that case`
  }
  return env
}
