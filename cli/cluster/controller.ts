import { IN_CLUSTER, readContext } from '../../controller/cluster/kubernetes-context.ts'
import type { KubernetesConnection } from '../../controller/cluster/kubernetes-connection.ts'
import type { Clock } from '../../controller/kernel/clock.ts'
import { isRefused, Transient } from '../../controller/kernel/errors.ts'
import type { Endpoint, Given } from '../endpoint.ts'
import type { Environment } from '../environment.ts'
import { EXIT, Failure, usage } from '../failure.ts'
import { field, textOf } from '../json.ts'
import { failureOfRefused, unreachable } from './objects-client.ts'
import { isOutOfReach } from './out-of-reach.ts'
import { agentThrough, notInstalled, podsOf, type Through } from './through.ts'
import { tokenFor } from './token.ts'
import { accountNamed, type Account, type Somebody } from './who.ts'

/** Where the controller of a cluster answers, and a token that it takes. */

export interface Asking {
  readonly connection: KubernetesConnection
  readonly environment: Environment
  readonly given: Given
  readonly clock: Clock
  readonly who: () => Promise<Somebody>
}

/** The ConfigMap by which a control plane says where it is: everybody who is known to the cluster may read it. */
const PUBLISHED = 'bothy'

/** Answers how to find it. Where it is, is asked once; a token is looked at each time, since it ends. */
export function createController(asking: Asking): () => Promise<Endpoint> {
  let looking: ReturnType<typeof placeOf> | null = null
  return async () => {
    const { given, environment } = asking
    try {
      const { token, ...place } = await (looking ??= placeOf(asking))
      const shown = given.token ?? token ?? environment.token ?? (await tokenFor(asking, await accountFor(asking)))
      return { ...place, token: shown, isHere: false }
    } catch (error) {
      looking = null
      throw error
    }
  }
}

/** With a token, where the server of the context is no cluster's but a control plane that keeps objects itself. */
type Place = Omit<Endpoint, 'isHere'>

async function placeOf(asking: Asking): Promise<Place> {
  const { connection, given, clock, environment } = asking
  if (given.url !== null) return { url: urlGiven(given.url), ca: null, from: '--url', through: null, token: null }
  const namespace = environment.systemNamespace
  const path = `/api/v1/namespaces/${namespace}/configmaps/${PUBLISHED}`
  const published = await connection.request({ method: 'GET', path }).catch(async (error: unknown) => {
    if (isRefused(error, 'NotFound')) return (await ownPlace(asking)) ?? { body: null }
    throw notRead(asking, error)
  })
  if ('url' in published) return published
  const url = textOf(field(published.body, 'data', 'url'))?.replace(/\/+$/, '') ?? null
  if (url !== null && (!/^https?:\/\//.test(url) || !URL.canParse(url))) throw wronglyPublished(asking, url)
  const place = { ca: textOf(field(published.body, 'data', 'ca.crt')), from: `of context ${connection.context}`, token: null }
  // In a pod the cluster's names mean what they say.
  const isInside = connection.context === IN_CLUSTER
  if (url !== null && (isInside || !(await isOutOfReach(url, clock)))) return { ...place, url, through: null }
  const through: Through = { connection, clock, namespace, published: url }
  // Whoever says nothing of where it is may still be there, under the name that it has in its cluster.
  if (url === null && (await podsOf(through)) === null) throw notInstalled(through)
  const known = url ?? `https://bothy.${namespace}.svc:7080`
  return { ...place, url: known, from: `${place.from}, through its API server`, through: agentThrough(through, known) }
}

function urlGiven(url: string): string {
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url.replace(/\/+$/, '')
  throw usage(`--url ${url} is no url`, 'it begins with http:// or https://')
}

/** Of a control plane that answers kubectl itself: everything is asked there, with what the kubeconfig says. */
async function ownPlace({ connection, environment, given }: Asking): Promise<Place | null> {
  const { body } = await connection.request({ method: 'GET', path: '/version' })
  if (!textOf(field(body, 'gitVersion'))?.includes('+bothy-')) return null
  const { kubeconfig, context } = given
  const { server, cluster, login } = readContext({ kubeconfig, context, environment: environment.forChildren({}) })
  return { url: server, ca: cluster.ca, from: `context ${connection.context}`, through: null, token: login.token }
}

function notRead({ connection, environment }: Asking, error: unknown): unknown {
  const namespace = environment.systemNamespace
  if (isRefused(error, 'Forbidden'))
    return new Failure(
      EXIT.refused,
      {
        what: `you may not read where the controller is: get on ConfigMap ${namespace}/${PUBLISHED}`,
        where: `context ${connection.context}`,
        fix: `ask for the Role bothy-address in ${namespace}, or name the controller with --url`,
      },
      { reason: 'Forbidden' },
    )
  if (isRefused(error)) return failureOfRefused(error, { url: connection.server, from: `context ${connection.context}` })
  return error instanceof Transient ? unreachable(connection, error) : error
}

const wronglyPublished = ({ connection, environment }: Asking, url: string): Failure =>
  new Failure(EXIT.unreachable, {
    what: `where the controller of this cluster is, is no url: ${url}`,
    where: `context ${connection.context}: ConfigMap ${environment.systemNamespace}/${PUBLISHED}`,
    fix: 'write one into it that begins with https://, or name the controller with --url',
  })

const ANNOTATION = 'bothy.dev/service-account'

/** As whom the controller is asked: oneself where that is a service account, otherwise the one that is named. */
async function accountFor({ connection, environment, given, who }: Asking): Promise<Account> {
  const named = given.serviceAccount ?? environment.serviceAccount
  if (named !== null) return accountNamed(named, connection.namespace)
  const me = await who()
  if (me.account) return me.account
  const annotated = await annotationOf(connection)
  if (annotated !== null) return accountNamed(annotated, connection.namespace)
  throw new Failure(
    EXIT.usage,
    {
      what: `the controller takes tokens of service accounts, and you are ${me.name || 'nobody'} to this cluster`,
      where: `context ${connection.context}`,
      fix: `name the service account that stands for you: --service-account NAME, BOTHY_SERVICE_ACCOUNT, or the annotation ${ANNOTATION} of namespace ${connection.namespace}`,
    },
    { reason: 'Unauthorized' },
  )
}

/** For a namespace that is one person's. Who may not read it has none. */
async function annotationOf(connection: KubernetesConnection): Promise<string | null> {
  try {
    const { body } = await connection.request({ method: 'GET', path: `/api/v1/namespaces/${connection.namespace}` })
    return textOf(field(body, 'metadata', 'annotations', ANNOTATION))
  } catch (error) {
    if (isRefused(error, 'Forbidden', 'NotFound')) return null
    throw error instanceof Transient ? unreachable(connection, error) : error
  }
}
