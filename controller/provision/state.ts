import type { AgentManifest, AgentScript, JobResult } from '../store/records.ts'

/** What terraform's state file says, read as data: which agents there are, what they run, what came out. */

type Attributes = Readonly<Record<string, unknown>>

interface Instance {
  readonly address: string
  readonly type: string
  readonly name: string
  readonly attributes: Attributes
}

export interface State {
  readonly lineage: string
  readonly serial: number
  readonly instances: readonly Instance[]
  /** What terraform does not call sensitive. */
  readonly outputs: Readonly<Record<string, unknown>>
  /** Outputs that are too long to be shown. */
  readonly longOutputs: readonly string[]
}

export interface AgentFound {
  readonly id: string
  readonly name: string
  readonly token: string
  readonly manifest: AgentManifest
}

/** null where the bytes are no state: terraform was killed while it wrote, or wrote none. */
export function parseState(bytes: Buffer): State | null {
  const state = objectOf(parsed(bytes))
  if (state?.['version'] !== 4 || !Array.isArray(state['resources'])) return null
  const outputs = Object.entries(publicOutputs(objectOf(state['outputs']) ?? {}))
  return {
    lineage: textOf(state['lineage']),
    serial: numberOf(state['serial'], 0),
    instances: state['resources'].flatMap(instancesOf),
    outputs: Object.fromEntries(outputs.filter(([, value]) => !isLong(value))),
    longOutputs: outputs.flatMap(([name, value]) => (isLong(value) ? name : [])),
  }
}

/** Outputs are shown in the status of an object, which has little room for all of them together. */
export const OUTPUT_CHARACTERS_MAX = 8192

const isLong = (value: unknown): boolean => JSON.stringify(value).length > OUTPUT_CHARACTERS_MAX

export const keepsResources = (bytes: Buffer): boolean => parseState(bytes) !== null

function instancesOf(given: unknown): Instance[] {
  const resource = objectOf(given)
  if (!resource || resource['mode'] !== 'managed' || !Array.isArray(resource['instances'])) return []
  const type = textOf(resource['type'])
  const name = textOf(resource['name'])
  const module = textOf(resource['module'])
  const many: readonly unknown[] = resource['instances']
  return many.flatMap((each) => {
    const instance = objectOf(each)
    if (!instance) return []
    const key = instance['index_key']
    const index = key === undefined ? '' : `[${JSON.stringify(key)}]`
    const address = `${module ? `${module}.` : ''}${type}.${name}${index}`
    return [{ address, type, name, attributes: objectOf(instance['attributes']) ?? {} }]
  })
}

/** Values that terraform knows to be secret stay in the sealed state. */
const publicOutputs = (outputs: Attributes): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(outputs).flatMap(([name, given]) => {
      const output = objectOf(given)
      return output && output['sensitive'] !== true ? [[name, output['value'] ?? null]] : []
    }),
  )

const ofKind =
  (kind: string) =>
  ({ type }: Instance): boolean =>
    type === `coder_${kind}` || type === `bothy_${kind}`

const isAgent = ofKind('agent')
const isScript = ofKind('script')
const isEnv = ofKind('env')

const AGENT_NAME = /^[a-z0-9](-?[a-z0-9])*$/

/** The machines that hold an agent, in the words of a look. */
export const MACHINE_TYPES: readonly string[] = ['bothy_process']

export const machinesIn = (state: State): NonNullable<JobResult['machines']> =>
  state.instances
    .filter(({ type }) => MACHINE_TYPES.includes(type))
    .map(({ type, attributes }) => ({ type, name: textOf(attributes['name']) || 'main', present: true }))

/** Why a name cannot be an agent's; null when it can. */
export const agentNameProblem = (name: string): string | null =>
  AGENT_NAME.test(name.toLowerCase())
    ? null
    : `the agent "${name}" needs a name of letters, digits and single dashes: it becomes part of host names`

export const tokensIn = (state: State): string[] =>
  state.instances.filter(isAgent).flatMap(({ attributes }) => textOf(attributes['token']) || [])

/** The agents of a state with everything they run; or the sentence that says why they cannot be. */
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
    found.push({ id, name, token: textOf(agent.attributes['token']), manifest: manifestOf(agent.attributes, scriptsOf(state, id), env) })
  }
  return found
}

const belongsTo =
  (agentId: string) =>
  ({ attributes }: Instance): boolean =>
    attributes['agent_id'] === agentId

function manifestOf(agent: Attributes, scripts: readonly AgentScript[], env: Readonly<Record<string, string>>): AgentManifest {
  const own = agentScripts({
    startupScript: textOf(agent['startup_script']),
    shutdownScript: textOf(agent['shutdown_script']),
    startupScriptBehavior: textOf(agent['startup_script_behavior']),
  })
  return {
    scripts: [...own, ...scripts],
    env,
    dir: textOf(agent['dir']),
    connectionTimeoutSeconds: numberOf(agent['connection_timeout'], 120),
  }
}

/** The two scripts an agent carries itself. */
export function agentScripts(agent: {
  readonly startupScript: string
  readonly shutdownScript: string
  readonly startupScriptBehavior: string
}): AgentScript[] {
  const blocksLogin = agent.startupScriptBehavior === 'blocking'
  return [
    { name: 'startup_script', script: agent.startupScript, on: 'start' as const, timeoutSeconds: 0, blocksLogin },
    { name: 'shutdown_script', script: agent.shutdownScript, on: 'stop' as const, timeoutSeconds: 0, blocksLogin: false },
  ].filter(({ script }) => script !== '')
}

const scriptsOf = (state: State, agentId: string): AgentScript[] =>
  state.instances
    .filter(isScript)
    .filter(belongsTo(agentId))
    .toSorted(byAddress)
    .flatMap(({ attributes }) => ON.filter((on) => attributes[`run_on_${on}`] === true).map((on) => scriptOf(attributes, on)))

const ON = ['start', 'stop'] as const

const scriptOf = (attributes: Attributes, on: AgentScript['on']): AgentScript => ({
  name: textOf(attributes['display_name']),
  script: textOf(attributes['script']),
  on,
  timeoutSeconds: numberOf(attributes['timeout'], 0),
  blocksLogin: on === 'start' && attributes['start_blocks_login'] === true,
})

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

const byAddress = (a: Instance, b: Instance): number => (a.address < b.address ? -1 : 1)

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}

const isObject = (value: unknown): value is Attributes => typeof value === 'object' && value !== null && !Array.isArray(value)
const objectOf = (value: unknown): Attributes | null => (isObject(value) ? value : null)
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise)
const textsOf = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(objectOf(value) ?? {}).flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : [])))
