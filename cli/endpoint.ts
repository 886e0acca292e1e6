import { readFileSync } from 'node:fs'
import type { Agent } from 'node:http'
import { join } from 'node:path'
import type { Environment } from './environment.ts'
import { EXIT, Failure, usage } from './failure.ts'

/** Where a control plane answers, and with what one shows who one is. */
export interface Endpoint {
  readonly url: string
  readonly token: string | null
  /** How it was found, for people: `BOTHY_URL`, `of ~/.local/state/bothy`, `of context prod`. */
  readonly from: string
  /** Whoever signed its certificate, besides those whom this machine trusts. */
  readonly ca: string | null
  /** Makes the connections to it, where this machine cannot by itself: of node's http, or https, as `url` says. */
  readonly through: Agent | null
  /** It is the standalone of this machine, which a person can start. */
  readonly isHere: boolean
}

/** What node's request needs to get there. */
export const wayTo = ({ ca, through }: Endpoint) => ({ ...(ca === null ? {} : { ca }), ...(through === null ? {} : { agent: through }) })

export interface Given {
  readonly url: string | null
  readonly token: string | null
  readonly kubeconfig: string | null
  readonly context: string | null
  readonly serviceAccount: string | null
}

/** One that somebody named by its url; null: nobody did. */
export function namedEndpoint(environment: Environment, given: Pick<Given, 'url' | 'token'>): Endpoint | null {
  for (const [url, from] of [
    [given.url, '--url'],
    [environment.url, 'BOTHY_URL'],
  ] as const) {
    if (url === null) continue
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw usage(`${from} ${url} is no url`, 'it begins with http:// or https://')
    return { url: url.replace(/\/+$/, ''), token: given.token ?? environment.token, from, ca: null, through: null, isHere: false }
  }
  return null
}

/** The standalone of this machine, as its state folder says; null: none was started, or it has ended. */
export function standaloneEndpoint(environment: Environment, given: Pick<Given, 'token'>): Endpoint | null {
  const url = readQuietly(join(environment.stateDir, 'url'))
  if (url === null) return null
  const token = given.token ?? readQuietly(join(environment.stateDir, 'token'))
  return { url: url.replace(/\/+$/, ''), token, from: `of ${environment.stateDir}`, ca: null, through: null, isHere: true }
}

function readQuietly(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').split('\n')[0]?.trim() || null
  } catch {
    return null
  }
}

export const nothingRuns = ({ program, stateDir }: Environment, where = `nothing runs in ${stateDir}`): Failure =>
  new Failure(EXIT.unreachable, { what: 'no control plane can be reached', where, fix: `start it: ${program} up` })
