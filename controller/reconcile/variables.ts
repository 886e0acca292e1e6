import type { Template } from '../../crds/types.ts'
import { readSecret } from '../cluster/secrets.ts'
import type { Cluster, Resource } from '../cluster/port.ts'
import type { Clock } from '../kernel/clock.ts'
import { isRefused, messageOf } from '../kernel/errors.ts'
import type { KeptValues } from '../store/kept-values.ts'

/**
 * The values of a template's variables. What is elsewhere (a Secret, a ConfigMap, the control plane's own environment or
 * folder) is read by name; what may be secret is kept sealed, and here and in all that is written only its token is seen.
 */
export interface Variables {
  of(template: Resource & Template): Promise<VariablesSeen>
}

export interface VariablesSeen {
  readonly variables: Readonly<Record<string, string>>
  /** Why nothing can be built with them; null: all are there. */
  readonly problem: string | null
  /** Some are elsewhere, where they change without the template changing. */
  readonly elsewhere: boolean
}

/** What only a control plane on one machine has: its environment, and the folder that its operator named. null: there is none. */
export interface OwnValues {
  readonly env: (name: string) => string | undefined
  readonly file: (path: string) => Promise<string | null>
}

export interface VariablesOptions {
  readonly cluster: Pick<Cluster, 'get'>
  readonly kept: KeptValues
  readonly own: OwnValues | null
  readonly clock: Clock
}

type Given = NonNullable<Template['spec']['variables']>[number]
type Place = NonNullable<Given['valueFrom']>
interface Found {
  readonly value: string
  readonly secret: boolean
}

/** A template's workspaces are looked at together: they are answered with one reading. What was just renewed counts at once. */
const FRESH_MS = 250
const REMEMBERED_MAX = 1000

/** The value is not there, or may not be read. The message is for people. */
class Missing extends Error {}

export function createVariables(options: VariablesOptions): Variables {
  const { clock } = options
  const read = new Map<string, { readonly atMs: number; readonly seen: Promise<VariablesSeen> }>()
  return {
    of(template) {
      const given = template.spec.variables ?? []
      if (given.every(({ valueFrom }) => valueFrom === undefined)) {
        const variables = Object.fromEntries(given.map(({ name, value }) => [name, value ?? '']))
        return Promise.resolve({ variables, problem: null, elsewhere: false })
      }
      const id = `${template.metadata.uid} ${template.metadata.generation}`
      const known = read.get(id)
      if (known && clock.elapsedMs() - known.atMs < FRESH_MS) return known.seen
      if (read.size >= REMEMBERED_MAX) read.clear()
      const seen = readAll(options, template, given)
      read.set(id, { atMs: clock.elapsedMs(), seen })
      seen.catch(() => read.delete(id))
      return seen
    },
  }
}

async function readAll(options: VariablesOptions, { metadata }: Resource & Template, given: readonly Given[]): Promise<VariablesSeen> {
  const variables: [string, string][] = []
  const problems: string[] = []
  for (const { name, value, valueFrom } of given) {
    if (valueFrom === undefined) {
      variables.push([name, value ?? ''])
      continue
    }
    try {
      const found = await valueAt(options, metadata.namespace ?? '', valueFrom)
      variables.push([name, found.secret ? await options.kept.keep(metadata.uid, found.value) : found.value])
    } catch (error) {
      if (!(error instanceof Missing)) throw error
      problems.push(`Variable ${name}: ${messageOf(error)}`)
    }
  }
  return { variables: Object.fromEntries(variables), problem: problems.length > 0 ? problems.join(' ') : null, elsewhere: true }
}

async function valueAt({ cluster, own }: VariablesOptions, namespace: string, from: Place): Promise<Found> {
  if (from.secretKeyRef) return secretValue(cluster, namespace, from.secretKeyRef)
  if (from.configMapKeyRef) return configMapValue(cluster, namespace, from.configMapKeyRef)
  if (!own) throw new Missing('values of the environment and of files exist only without a cluster: use secretKeyRef.')
  if (from.env !== undefined) {
    const value = own.env(from.env)
    if (value === undefined) throw new Missing(`${from.env} is not set in the environment of the control plane.`)
    return { value, secret: true }
  }
  const value = await own.file(from.file ?? '')
  if (value === null) throw new Missing(`there is no file ${from.file} that the operator lets templates read (BOTHY_VAR_FOLDER).`)
  return { value, secret: true }
}

interface KeyRef {
  readonly name: string
  readonly key: string
}

async function secretValue(cluster: Pick<Cluster, 'get'>, namespace: string, { name, key }: KeyRef): Promise<Found> {
  const secret = await readable(() => readSecret(cluster, namespace, name), `Secret ${name} in namespace ${namespace}`)
  const value = secret.get(key)
  if (!value) throw new Missing(`Secret ${name} in namespace ${namespace} has no key ${key}.`)
  return { value: value.toString('utf8'), secret: true }
}

async function configMapValue(cluster: Pick<Cluster, 'get'>, namespace: string, { name, key }: KeyRef): Promise<Found> {
  const found = await readable(() => cluster.get('ConfigMap', namespace, name), `ConfigMap ${name} in namespace ${namespace}`)
  const data = typeof found.data === 'object' && found.data !== null ? new Map(Object.entries(found.data)) : new Map<string, unknown>()
  const value: unknown = data.get(key)
  if (typeof value !== 'string') throw new Missing(`ConfigMap ${name} in namespace ${namespace} has no key ${key}.`)
  return { value, secret: false }
}

/** Nobody granted it, or it is not there yet: either may be mended without touching the template. */
async function readable<T>(read: () => Promise<T | null>, what: string): Promise<T> {
  try {
    const found = await read()
    if (found !== null) return found
  } catch (error) {
    if (isRefused(error, 'Forbidden')) throw new Missing(`the control plane may not read ${what}: grant it.`)
    throw error
  }
  throw new Missing(`there is no ${what}.`)
}
