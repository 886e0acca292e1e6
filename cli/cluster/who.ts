import type { KubernetesConnection } from '../../controller/cluster/kubernetes-connection.ts'
import { isRefused, Transient } from '../../controller/kernel/errors.ts'
import { EXIT, Failure } from '../failure.ts'
import { field, textOf } from '../json.ts'
import { failureOfRefused, unreachable } from './objects-client.ts'

/** Whom the cluster takes one for. */
export interface Somebody {
  readonly name: string
  /** Where it is a service account. */
  readonly account: Account | null
}

export interface Account {
  readonly namespace: string
  readonly name: string
}

/** Asked once. */
export function createWho(connection: KubernetesConnection): () => Promise<Somebody> {
  let known: Promise<Somebody> | null = null
  return () => (known ??= whoAmI(connection))
}

async function whoAmI(connection: KubernetesConnection): Promise<Somebody> {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  try {
    const answer = await connection.request({ method: 'POST', path, body })
    const name = textOf(field(answer.body, 'status', 'userInfo', 'username')) ?? ''
    return { name, account: accountOf(name) }
  } catch (error) {
    if (isRefused(error)) throw failureOfRefused(error, { url: connection.server, from: `context ${connection.context}` })
    if (error instanceof Transient) throw unreachable(connection, error)
    throw error
  }
}

const USER = /^system:serviceaccount:(?<namespace>[^:]+):(?<name>[^:]+)$/

function accountOf(user: string): Account | null {
  const { namespace, name } = USER.exec(user)?.groups ?? {}
  return namespace !== undefined && name !== undefined ? { namespace, name } : null
}

/** `NAME` of the namespace one works in, or `NAMESPACE/NAME`. */
export function accountNamed(text: string, namespace: string): Account {
  const parts = text.split('/')
  const [first = '', second] = parts
  const account = second === undefined ? { namespace, name: first } : { namespace: first, name: second }
  if (parts.length < 3 && [account.namespace, account.name].every((part) => /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(part))) return account
  throw new Failure(EXIT.usage, { what: `"${text}" names no service account`, fix: 'write NAME, or NAMESPACE/NAME' })
}
