import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { ENV, ENV_MACHINE } from './protocol.ts'

export interface AgentEnvironment {
  readonly agentId: string
  readonly token: () => string
  /** Read again at every dial, so that a control plane on another port is found. */
  readonly url: () => string
  readonly home: string
  readonly shell: string
  /** A supervisor started us: we end with it. */
  readonly supervised: boolean
  /** The digest of the program as it was built; empty: it runs from its sources. */
  readonly program: string
  /** What everything we start inherits: no token, nothing of the link. */
  readonly inherited: Readonly<Record<string, string>>
}

/** Only for the agent's own Node; a program of the workspace must not find it. */
const OURS_ONLY: ReadonlySet<string> = new Set([...Object.values(ENV), 'NODE_COMPILE_CACHE', 'NODE_OPTIONS'])

/** The one reader of the agent's environment. Each error names its variable. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): AgentEnvironment {
  const given = (name: string): string | undefined => env[name] || undefined
  const [agentId, tokenFile, token, urlFile, url] = [ENV.agentId, ENV.tokenFile, ENV.token, ENV.urlFile, ENV.url].map(given)
  if (!agentId) throw new Error(`${ENV.agentId} is not set: it names the agent of the template that this program is`)
  if (!tokenFile && !token)
    throw new Error(`neither ${ENV.tokenFile} nor ${ENV.token} is set: the control plane knows the agent by its token`)
  if (!urlFile && !url) throw new Error(`neither ${ENV.urlFile} nor ${ENV.url} is set: it says where the control plane is`)
  return {
    agentId,
    token: () => (tokenFile ? firstLine(ENV.tokenFile, tokenFile) : (token ?? '')),
    url: () => (urlFile ? firstLine(ENV.urlFile, urlFile) : (url ?? '')),
    home: env['HOME'] || homedir(),
    shell: env['SHELL'] || '/bin/sh',
    supervised: Boolean(env[ENV_MACHINE] || given(ENV.supervised)),
    program: given(ENV.program) ?? '',
    inherited: Object.fromEntries(
      Object.entries(env).flatMap(([name, value]) => (value === undefined || OURS_ONLY.has(name) ? [] : [[name, value]])),
    ),
  }
}

function firstLine(name: string, file: string): string {
  const line = readFileSync(file, 'utf8').split('\n', 1)[0]?.trim()
  if (!line) throw new Error(`${name}: ${file} is empty`)
  return line
}
