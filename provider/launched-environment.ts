import { createHash, randomUUID } from 'node:crypto'
import type { Identity, Values } from './port.ts'
import { problem } from './schema/rules.ts'
import { Wrong } from './session.ts'

/**
 * Who asks, when nobody serves the provider and terraform starts it by itself: the variables that a build of the reference
 * sets, under its names and under ours, ours first. This is the one reader of a launched provider's environment.
 */

export type Variables = Readonly<Record<string, string | undefined>>

/** What terraform sets for a plugin that it starts. */
export interface Handshake {
  readonly cookie: string
  readonly protocols: readonly string[]
  /** In PEM; null where encryption is switched off. */
  readonly clientCertificate: string | null
}

export const handshakeFromEnvironment = (env: Variables = process.env): Handshake => ({
  cookie: env['TF_PLUGIN_MAGIC_COOKIE'] ?? '',
  protocols: (env['PLUGIN_PROTOCOL_VERSIONS'] ?? '').split(','),
  clientCertificate: env['PLUGIN_CLIENT_CERT'] || null,
})

const PREFIXES = ['BOTHY', 'CODER'] as const
const DEFAULT_URL = 'https://mydeployment.coder.com'

export function identityFromEnvironment(env: Variables = process.env): Identity {
  const named = (name: string): string | undefined =>
    PREFIXES.map((prefix) => env[`${prefix}_${name}`]).find((value) => value !== undefined)
  const text = (name: string, otherwise = ''): string => named(name) || otherwise
  const valuesAt = (nameOf: (key: string) => string): Values => ({ get: (key) => named(nameOf(key)) })
  const task = text('TASK_ID')
  return {
    // Like the lists below read when it is asked for, so that a mistake is told where a template looks at it.
    get transition() {
      return transitionOf(text('WORKSPACE_TRANSITION', 'start'))
    },
    buildId: text('WORKSPACE_BUILD_ID'),
    workspace: { id: text('WORKSPACE_ID') || randomUUID(), name: text('WORKSPACE_NAME', 'default') },
    owner: ownerOf(text, named),
    template: {
      id: text('WORKSPACE_TEMPLATE_ID'),
      name: text('WORKSPACE_TEMPLATE_NAME'),
      version: text('WORKSPACE_TEMPLATE_VERSION'),
    },
    parameters: valuesAt((name) => `PARAMETER_${hashed(name)}`),
    previousParameters: valuesAt((name) => `PARAMETER_PREVIOUS_${hashed(name)}`),
    accessUrl: text('AGENT_URL', DEFAULT_URL),
    ...prebuildOf(text),
    externalAuth: { get: (id) => named(`EXTERNAL_AUTH_ACCESS_TOKEN_${id}`) ?? named(`GIT_AUTH_ACCESS_TOKEN_${id}`) },
    secrets: { get: (key) => named(secretName(key)) },
    ...(task === '' && text('TASK_PROMPT') === '' ? {} : { task: { id: task, prompt: text('TASK_PROMPT') } }),
    // The reference hashes no id at all; a name with the agent's own is there for workspaces of several agents.
    runningAgentTokens: {
      get: (id) => named(`RUNNING_WORKSPACE_AGENT_TOKEN_${hashed(id)}`) ?? named(`RUNNING_WORKSPACE_AGENT_TOKEN_${hashed('')}`),
    },
    agentScripts: valuesAt((platform) => `AGENT_SCRIPT_${platform}`),
  }
}

const hashed = (text: string): string => createHash('sha256').update(text).digest('hex')

/** `env:NAME` is found by its name, `file:PATH` by the bytes of its path: a variable's name has no slashes. */
function secretName(key: string): string {
  const [kind, name] = [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)]
  return kind === 'env' ? `SECRET_ENV_${name}` : `SECRET_FILE_${Buffer.from(name).toString('hex')}`
}

function transitionOf(word: string): Identity['transition'] {
  if (word === 'start' || word === 'stop' || word === 'destroy') return word
  throw new Wrong(problem([], 'Unknown transition', `WORKSPACE_TRANSITION must be start, stop or destroy, not "${word}".`))
}

/** A claim is the later of the two: it wins. */
function prebuildOf(text: (name: string) => string): Pick<Identity, 'prebuild'> {
  const is = (name: string) => text(name).toLowerCase() === 'true'
  if (is('WORKSPACE_IS_PREBUILD_CLAIM')) return { prebuild: 'claimed' }
  return is('WORKSPACE_IS_PREBUILD') ? { prebuild: 'waiting' } : {}
}

type Text = (name: string, otherwise?: string) => string

function ownerOf(text: Text, named: (name: string) => string | undefined): Identity['owner'] {
  return {
    id: text('WORKSPACE_OWNER_ID') || randomUUID(),
    name: text('WORKSPACE_OWNER', 'default'),
    fullName: text('WORKSPACE_OWNER_NAME', 'default'),
    email: text('WORKSPACE_OWNER_EMAIL', 'default@example.com'),
    loginType: text('WORKSPACE_OWNER_LOGIN_TYPE'),
    sshKey: { publicKey: text('WORKSPACE_OWNER_SSH_PUBLIC_KEY'), privateKey: text('WORKSPACE_OWNER_SSH_PRIVATE_KEY') },
    sessionToken: text('WORKSPACE_OWNER_SESSION_TOKEN'),
    oidcToken: text('WORKSPACE_OWNER_OIDC_ACCESS_TOKEN'),
    get groups() {
      return listOf(named('WORKSPACE_OWNER_GROUPS'), 'WORKSPACE_OWNER_GROUPS', asText)
    },
    get roles() {
      return listOf(named('WORKSPACE_OWNER_RBAC_ROLES'), 'WORKSPACE_OWNER_RBAC_ROLES', asRole)
    },
  }
}

const asText = (item: unknown): string | null => (typeof item === 'string' ? item : null)

function asRole(item: unknown): { readonly name: string; readonly organizationId: string } | null {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return null
  const field = (name: string) => asText(Object.entries(item).find(([key]) => key === name)?.[1]) ?? ''
  return { name: field('name'), organizationId: field('org_id') }
}

function listOf<T>(json: string | undefined, variable: string, read: (item: unknown) => T | null): readonly T[] {
  if (json === undefined) return []
  const items = itemsIn(json)?.map(read)
  if (!items || items.some((item) => item === null)) {
    throw new Wrong(problem([], `Invalid ${variable}`, `${variable} must be a JSON list, not ${JSON.stringify(json.slice(0, 100))}.`))
  }
  return items.filter((item) => item !== null)
}

function itemsIn(json: string): readonly unknown[] | null {
  try {
    const parsed: unknown = JSON.parse(json)
    return parsed === null ? [] : Array.isArray(parsed) ? parsed : null
  } catch {
    return null
  }
}
