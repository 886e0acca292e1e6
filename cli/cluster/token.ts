import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubernetesConnection } from '../../controller/cluster/kubernetes-connection.ts'
import { fromIso, type Clock } from '../../controller/kernel/clock.ts'
import { isRefused, Transient } from '../../controller/kernel/errors.ts'
import { sha256 } from '../../controller/kernel/names.ts'
import type { Environment } from '../environment.ts'
import { EXIT, Failure } from '../failure.ts'
import { field, textOf } from '../json.ts'
import { failureOfRefused, unreachable } from './objects-client.ts'
import type { Account } from './who.ts'

/**
 * A token of a service account, made by the cluster for our controller and nobody else, for an hour. It is kept in a file
 * that only its user reads, so that a command need not wait for a new one each time.
 */

const AUDIENCE = 'bothy'
const LIFE_SECONDS = 3600
/** A token is not begun with that ends while it travels. */
const LEAST_LEFT_MS = 60_000

/** Whom to ask, and where what was answered is kept. */
interface Asking {
  readonly connection: KubernetesConnection
  readonly environment: Environment
  readonly clock: Clock
}

interface Token {
  readonly token: string
  readonly until: number
}

export async function tokenFor(asking: Asking, account: Account): Promise<string> {
  const { connection, clock, environment } = asking
  // Whoever asked may make tokens for it may not be whoever asks next.
  const name = sha256(JSON.stringify([connection.server, connection.context, connection.user, account]))
  const file = join(environment.cacheDir, 'tokens', `${name}.json`)
  const kept = readToken(file)
  if (kept && kept.until - LEAST_LEFT_MS > clock.now()) return kept.token
  const made = await requestToken(asking, account)
  keepToken(file, made)
  return made.token
}

async function requestToken({ connection }: Asking, account: Account): Promise<Token> {
  const path = `/api/v1/namespaces/${account.namespace}/serviceaccounts/${account.name}/token`
  const spec = { audiences: [AUDIENCE], expirationSeconds: LIFE_SECONDS }
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }
  try {
    const answer = await connection.request({ method: 'POST', path, body })
    const token = textOf(field(answer.body, 'status', 'token'))
    const until = fromIso(textOf(field(answer.body, 'status', 'expirationTimestamp')))
    if (token !== null && until !== null) return { token, until }
    throw new Failure(EXIT.unreachable, { what: 'the cluster made no token', where: connection.server })
  } catch (error) {
    throw notMade(connection, account, error)
  }
}

function notMade(connection: KubernetesConnection, { namespace, name }: Account, error: unknown): unknown {
  const where = `context ${connection.context}`
  if (isRefused(error, 'Forbidden'))
    return new Failure(
      EXIT.refused,
      {
        what: `you may not make tokens of service account ${namespace}/${name}`,
        where,
        fix: `ask for create on serviceaccounts/token of ${name} in ${namespace} (a Role with resourceNames), or bring a token: --token, BOTHY_TOKEN`,
      },
      { reason: 'Forbidden' },
    )
  if (isRefused(error, 'NotFound'))
    return new Failure(
      EXIT.notFound,
      { what: `there is no service account ${namespace}/${name}`, where, fix: 'name another with --service-account' },
      { reason: 'NotFound' },
    )
  if (isRefused(error)) return failureOfRefused(error, { url: connection.server, from: where })
  return error instanceof Transient ? unreachable(connection, error) : error
}

/** null: none, or one that others could have read or written. */
function readToken(file: string): Token | null {
  try {
    const { mode, uid } = statSync(file)
    if ((mode & 0o077) !== 0 || uid !== (process.getuid?.() ?? uid)) return null
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'))
    const [token, until] = [textOf(field(kept, 'token')), field(kept, 'until')]
    return token !== null && typeof until === 'number' ? { token, until } : null
  } catch {
    return null
  }
}

/** Where nothing can be kept, the next command asks again. */
function keepToken(file: string, token: Token): void {
  try {
    mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
    const unfinished = `${file}.${process.pid}`
    writeFileSync(unfinished, JSON.stringify(token), { mode: 0o600 })
    renameSync(unfinished, file)
  } catch {
    // Told nobody: what was asked for works all the same.
  }
}
