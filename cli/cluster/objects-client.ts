import type { KubernetesConnection } from '../../controller/cluster/kubernetes-connection.ts'
import { isRefused, messageOf, Refused, Transient } from '../../controller/kernel/errors.ts'
import type { Call, Client } from '../client.ts'
import { EXIT, Failure } from '../failure.ts'
import { failureOfAnswer } from '../refusal.ts'

/** Objects of a cluster's API server, behind the same face as those of a control plane that keeps them itself. */

/** The field manager of what is applied from here. */
const MANAGER = 'bothy'

/** Of an object that is not there, or a namespace, its name is said. */
const lacksKinds = ({ code, details }: Refused): boolean => code === 404 && details.name === undefined

const KINDS_MISSING = {
  what: 'the cluster does not know what a workspace is',
  fix: 'kubectl apply -k crds, from a checkout, makes our kinds known there',
}

export function objectsClient(connection: KubernetesConnection): Pick<Client, 'request' | 'lines'> {
  const from = `context ${connection.context}`
  const failed = (error: unknown, call: Call): unknown => {
    if (call.signal?.aborted) return error
    if (isRefused(error)) {
      const failure = failureOfRefused(error, { url: connection.server, from, sent: call.body !== undefined })
      return lacksKinds(error) ? failure.with(KINDS_MISSING) : failure
    }
    if (error instanceof Transient) return unreachable(connection, error)
    return error
  }
  return {
    async request(method, path, call = {}) {
      try {
        return await sent(connection, method, path, call)
      } catch (error) {
        throw failed(error, call)
      }
    },
    async *lines(path, call = {}) {
      const { query, signal } = call
      try {
        for await (const line of connection.lines({ method: 'GET', path, ...(query ? { query } : {}), ...(signal ? { signal } : {}) })) {
          const value: unknown = JSON.parse(line)
          yield value
        }
      } catch (error) {
        throw failed(error, call)
      }
    },
  }
}

async function sent(connection: KubernetesConnection, method: string, path: string, call: Call): Promise<unknown> {
  if (method === 'PUT' && call.query?.['apply'] === 'true') return applied(connection, path, call)
  const { body } = await connection.request({ method, path, ...call })
  return body
}

/** Server-side apply: what other managers of fields declare is theirs. What this program wrote otherwise is its own. */
async function applied(connection: KubernetesConnection, path: string, { query = {}, body, signal }: Call): Promise<unknown> {
  const { dryRun, fieldValidation } = query
  const apply = async (force: boolean): Promise<unknown> => {
    const answer = await connection.request({
      method: 'PATCH',
      path,
      query: { fieldManager: MANAGER, dryRun, fieldValidation, force: force ? 'true' : undefined },
      contentType: 'application/apply-patch+yaml',
      body,
      ...(signal ? { signal } : {}),
    })
    return answer.body
  }
  try {
    return await apply(false)
  } catch (error) {
    if (isRefused(error, 'Conflict') && isOnlyWithUs(error)) return await apply(true)
    // A control plane that keeps objects itself has one declarer for each, and no managers of fields.
    if (isRefused(error, 'UnsupportedMediaType')) return (await connection.request({ method: 'PUT', path, query, body })).body
    if (error instanceof Transient && MISSHAPEN.test(error.message)) throw await whatIsWrong(connection, path, body, error)
    throw error
  }
}

/** A document of the wrong shape is an internal error of server-side apply, in words of its library. */
const MISSHAPEN = /^failed to create typed patch object/

/** As if it were to be created, it is refused field by field, in the words of every other refusal. */
async function whatIsWrong(connection: KubernetesConnection, path: string, body: unknown, { message }: Transient): Promise<Refused> {
  const otherwise = new Refused('Invalid', message)
  try {
    const query = { dryRun: 'All', fieldValidation: 'Strict' }
    await connection.request({ method: 'POST', path: path.slice(0, path.lastIndexOf('/')), query, body })
    return otherwise
  } catch (error) {
    return isRefused(error, 'BadRequest', 'Invalid') ? error : otherwise
  }
}

/** Of `create` and `adopt`, and of objects that were patched from here. */
const WITH_US = /^conflict with "bothy(?:-cli)?"/

const isOnlyWithUs = ({ details: { causes = [] } }: Refused): boolean =>
  causes.length > 0 && causes.every(({ message }) => WITH_US.test(message))

const WITH_ANOTHER = /^conflict with "(?<manager>[^"]+)"/

export function failureOfRefused(error: Refused, asked: Parameters<typeof failureOfAnswer>[2]): Failure {
  const { reason, code, message, details } = error
  const failure = failureOfAnswer(code, JSON.stringify({ reason, message, details }), asked)
  if (code === 401) return failure.with({ fix: 'log in to the cluster again; kubectl auth whoami says as whom you are known there' })
  const manager = WITH_ANOTHER.exec(details.causes?.[0]?.message ?? '')?.groups?.['manager']
  if (manager === undefined) return failure
  return failure.with({
    fix: `change it where ${manager} declares it, or leave it out; kubectl apply --server-side --force-conflicts --field-manager=${MANAGER} takes it over`,
  })
}

export const unreachable = ({ server, context }: KubernetesConnection, error: unknown): Failure =>
  new Failure(EXIT.unreachable, {
    what: 'the cluster cannot be reached',
    where: `${server} (context ${context}): ${messageOf(error)}`,
    fix: 'see that it runs, and that the context is the right one: kubectl cluster-info says',
  })
