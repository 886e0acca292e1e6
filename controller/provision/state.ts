import type { JobResult } from '../store/records.ts'

/** What terraform's state file says, read as data. Which agents there are and what they run is in manifest.ts. */

export type Attributes = Readonly<Record<string, unknown>>

export interface Instance {
  readonly address: string
  readonly type: string
  readonly name: string
  readonly attributes: Attributes
  /** Addresses of everything it depends on, also by way of others. */
  readonly dependencies: readonly string[]
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
    const dependencies = Array.isArray(instance['dependencies']) ? instance['dependencies'].map(textOf) : []
    return [{ address, type, name, attributes: objectOf(instance['attributes']) ?? {}, dependencies }]
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

export const ofKind =
  (kind: string) =>
  ({ type }: Instance): boolean =>
    type === `coder_${kind}` || type === `bothy_${kind}`

export const isAgent = ofKind('agent')
const AGENT_NAME = /^[a-z0-9](-?[a-z0-9])*$/

/** The machines that hold an agent, in the words of a look. */
export const MACHINE_TYPES: readonly string[] = ['bothy_process', 'bothy_container', 'bothy_pod']

export const machinesIn = (state: State): NonNullable<JobResult['machines']> =>
  state.instances
    .filter(({ type }) => MACHINE_TYPES.includes(type))
    .map(({ type, attributes }) => ({ type, name: textOf(attributes['name']) || 'main', present: true }))

/** Why a name cannot be an agent's; null when it can. */
export const agentNameProblem = (name: string): string | null =>
  AGENT_NAME.test(name.toLowerCase())
    ? null
    : `the agent "${name}" needs a name of letters, digits and single dashes: it becomes part of host names`

/** Tokens of agents, by their ids. */
export const tokensIn = (state: State): ReadonlyMap<string, string> =>
  new Map(state.instances.filter(isAgent).map(({ attributes }) => [textOf(attributes['id']), textOf(attributes['token'])]))

export const byAddress = (a: Instance, b: Instance): number => (a.address < b.address ? -1 : 1)

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}

const isObject = (value: unknown): value is Attributes => typeof value === 'object' && value !== null && !Array.isArray(value)
export const objectOf = (value: unknown): Attributes | null => (isObject(value) ? value : null)
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
export const numberOf = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise)
export const textsOf = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(objectOf(value) ?? {}).flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : [])))
