import { isJsonObject } from '../../crds/schema/types.ts'
import type { Cancel, Clock } from '../kernel/clock.ts'
import { isRefused, messageOf, Refused, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { sha256 } from '../kernel/names.ts'
import type { KubernetesConnection } from './kubernetes-connection.ts'
import { createRemembered } from './remembered.ts'

/**
 * In a cluster the API server says who somebody is (TokenReview) and what they may (SubjectAccessReview); nothing of it is
 * kept here but for some seconds. Where it cannot be asked, nobody is let in, and whoever is in stays.
 */

/** Whom a token must be made for. One for the API server itself is never taken: whoever we are shown it by could be told it. */
export const AUDIENCE = 'bothy'

export interface Person {
  readonly user: string
  readonly groups: readonly string[]
}

export interface Known extends Person {
  readonly session: null
  readonly token: null
}

/** What somebody asks for, in the words of Kubernetes: what its authorizers are asked, and ours. */
export interface Wish {
  /** `get` `list` `watch` `create` `update` `patch` `delete` `deletecollection`, and `connect`: to enter a workspace, by any door. */
  readonly verb: string
  readonly group: string
  /** Empty: the path names no resource, and then `path` is what is asked for. */
  readonly resource: string
  readonly subresource: string | null
  readonly namespace: string | null
  readonly name: string | null
  readonly path: string
}

export interface Reviews {
  /** null: nobody's, or not made for us. Throws Transient while the API server cannot be asked. */
  authenticate(bearer: string): Promise<Known | null>
  /** null: they may. */
  authorize(person: Person, wish: Wish): Promise<Refused | null>
  /** Every ten seconds, while somebody listens: what goes on is to be asked about again. Answers how to listen no more. */
  onChanged(listener: () => void): Cancel
}

export interface ReviewsPorts {
  readonly connection: Pick<KubernetesConnection, 'request'>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** How long an answer counts: so long after it was taken away, a right may still be used. */
const RIGHT_MS = 10_000
const ANSWER_LIMIT_MS = 5_000
const REMEMBERED_MAX = 4096
/** Questions at a time: whoever sends made-up tokens does not keep the API server busy for everybody. */
const ASKING_MAX = 64
const TOKEN_LENGTH_MAX = 8192

export function openReviews({ connection, clock, log, metrics }: ReviewsPorts): Reviews {
  /** What else the API server said of whom, which it is told again when it is asked what they may. */
  const said = new WeakMap<Person, Extra>()
  // Kept apart, so that a flood of tokens of nobody pushes out nobody.
  const known = createRemembered<Known>(clock, RIGHT_MS, REMEMBERED_MAX)
  const nobody = createRemembered<'nobody'>(clock, RIGHT_MS, REMEMBERED_MAX)
  const verdicts = createRemembered<{ readonly refused: Refused | null }>(clock, RIGHT_MS, REMEMBERED_MAX)
  let asking = 0

  const ask = async (of: 'token' | 'access', path: string, spec: unknown): Promise<Json> => {
    if (asking >= ASKING_MAX) throw new Refused('TooManyRequests', 'too many are being looked up at this moment', { retryAfterSeconds: 1 })
    asking += 1
    try {
      const { body } = await connection.request({ method: 'POST', path, body: { ...REVIEW[of], spec }, timeoutMs: ANSWER_LIMIT_MS })
      const status = isJsonObject(body) ? body['status'] : null
      metrics.count('bothy_reviews_total', 'Questions to the API server: who somebody is, and what they may', { of, outcome: 'answered' })
      return isJsonObject(status) ? status : {}
    } catch (error) {
      metrics.count('bothy_reviews_total', 'Questions to the API server: who somebody is, and what they may', { of, outcome: 'failed' })
      log.warn('the API server could not be asked', { of, error: messageOf(error) })
      const who = of === 'token' ? 'who you are' : 'what you may'
      const why = isRefused(error, 'Forbidden') ? 'this control plane lacks the role system:auth-delegator' : messageOf(error)
      throw new Transient(`the cluster cannot be asked ${who}: ${why}`, { cause: error })
    } finally {
      asking -= 1
    }
  }

  return {
    async authenticate(bearer) {
      if (bearer.length > TOKEN_LENGTH_MAX) return null
      const key = sha256(bearer)
      if (nobody.peek(key)) return null
      const found = await known.recall(key, async () => {
        const status = await ask('token', '/apis/authentication.k8s.io/v1/tokenreviews', { token: bearer, audiences: [AUDIENCE] })
        const person = personOf(status)
        if (person) said.set(person, extraOf(status))
        else nobody.put(key, 'nobody')
        return person
      })
      return found
    },
    async authorize(person, wish) {
      const attributes = attributesOf(wish)
      if (attributes === null) return null
      const whose = { user: person.user, groups: groupsOf(person), ...said.get(person) }
      const found = await verdicts.recall(sha256(JSON.stringify([whose, attributes])), async () => {
        const status = await ask('access', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { ...whose, ...attributes })
        const allowed = status['allowed'] === true && status['denied'] !== true
        return { refused: allowed ? null : forbidden(person, wish, attributes) }
      })
      return found?.refused ?? null
    },
    onChanged(listener) {
      let cancel = clock.after(RIGHT_MS, again)
      function again() {
        // What somebody asked a moment ago would count until after this, and be believed until the next time.
        verdicts.forget()
        listener()
        cancel = clock.after(RIGHT_MS, again)
      }
      return () => cancel()
    },
  }
}

type Json = Readonly<Record<string, unknown>>

const REVIEW = {
  token: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' },
  access: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview' },
} as const

interface Extra {
  readonly uid?: string
  readonly extra?: Json
}

/** An authenticator that knows nothing of audiences answers with none: its token is for the API server alone. */
function personOf(status: Json): Known | null {
  const { authenticated, audiences, user } = status
  if (authenticated !== true || !Array.isArray(audiences) || !audiences.includes(AUDIENCE) || !isJsonObject(user)) return null
  const { username, groups } = user
  if (typeof username !== 'string' || username === '') return null
  const named = Array.isArray(groups) ? groups.filter((group) => typeof group === 'string') : []
  return { user: username, groups: named, session: null, token: null }
}

function extraOf({ user }: Json): Extra {
  if (!isJsonObject(user)) return {}
  const { uid, extra } = user
  return { ...(typeof uid === 'string' && uid !== '' ? { uid } : {}), ...(isJsonObject(extra) ? { extra } : {}) }
}

const SERVICE_ACCOUNT = /^system:serviceaccount:(?<namespace>[^:]+):[^:]+$/

/** A session of the page remembers a name. Of a service account its groups follow from that; of others only that they are somebody. */
function groupsOf({ user, groups }: Person): readonly string[] {
  if (groups.length > 0) return groups
  const namespace = SERVICE_ACCOUNT.exec(user)?.groups?.['namespace']
  return namespace === undefined
    ? ['system:authenticated']
    : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']
}

/** Who one is, which version this is, and a way in for one's own browser say nothing of what is declared: whoever is known may. */
const FOR_ALL: ReadonlySet<string> = new Set(['/version', '/bothy/v1/session', '/bothy/v1/tickets'])

/** More of an object than it says itself; whoever may read it may read that, and try a template out. */
const READ: ReadonlySet<string> = new Set(['why', 'log', 'agents', 'simulate', 'timings', 'versions', 'ssh', 'preview'])

/** null: everybody who is known may. */
function attributesOf({ verb, group, resource, subresource, namespace, name, path }: Wish): Json | null {
  if (resource === '') return FOR_ALL.has(path) ? null : { nonResourceAttributes: { path, verb } }
  const reads = subresource !== null && READ.has(subresource)
  return {
    resourceAttributes: {
      verb: reads ? 'get' : verb,
      group,
      version: '*',
      resource,
      ...(reads || subresource === null ? {} : { subresource }),
      ...(namespace === null ? {} : { namespace }),
      ...(name === null ? {} : { name }),
    },
  }
}

function forbidden({ user }: Person, { group, resource, namespace, name, path }: Wish, attributes: Json): Refused {
  const asked = attributes['resourceAttributes']
  if (!isJsonObject(asked))
    return new Refused('Forbidden', `forbidden: User ${JSON.stringify(user)} cannot get path ${JSON.stringify(path)}`)
  const what = `${resource}${group === '' ? '' : `.${group}`}${name === null ? '' : ` ${JSON.stringify(name)}`}`
  const where = namespace === null ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  const message = `${what} is forbidden: User ${JSON.stringify(user)} cannot ${String(asked['verb'])} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}`
  return new Refused('Forbidden', message, { group, kind: resource, ...(name === null ? {} : { name }) })
}
