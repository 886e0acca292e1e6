import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { KubernetesConnection } from '../../controller/cluster/kubernetes-connection.ts'
import { connectPodPort, type PodPort } from '../../controller/cluster/kubernetes-pod-port.ts'
import type { Clock } from '../../controller/kernel/clock.ts'
import { isRefused, messageOf, Transient } from '../../controller/kernel/errors.ts'
import { EXIT, Failure } from '../failure.ts'
import { field, listOf, textOf } from '../json.ts'
import { failureOfRefused, unreachable } from './objects-client.ts'

/**
 * The way to a control plane whose address means something in its cluster alone: a port of one of its pods, by the API server.
 * Whoever is in between passes on bytes: TLS is spoken with the pod, whose certificate must be that of the address.
 */

export interface Through {
  readonly connection: KubernetesConnection
  readonly clock: Clock
  /** Where the control plane is. */
  readonly namespace: string
  /** The address that does not answer here; null: none is published. */
  readonly published: string | null
}

const SERVICE = 'bothy'
const PORT = 'api'
const ROLE = 'bothy-connect-through'

/** Each connection finds a pod anew: the one before may have been replaced. */
export function agentThrough(through: Through, url: string): HttpAgent {
  const secure = url.startsWith('https:')
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
  const dial = async (options: TlsAsked, done: Done): Promise<void> => {
    try {
      const bytes = await connected(through)
      done(null, secure ? connectTls({ ...trustOf(options), socket: bytes }) : asSocket(bytes, through.clock))
    } catch (error) {
      done(error)
    }
  }
  agent.createConnection = (options: TlsAsked, done) => {
    // Node calls it with an error alone, or a socket; its types know only the second.
    if (done) void dial(options, done as Done)
    return null
  }
  return agent
}

type Done = (error: unknown, socket?: Duplex) => void

interface TlsAsked {
  readonly host?: string | null
  readonly servername?: string
  readonly ca?: string
}

const trustOf = ({ host, servername, ca }: TlsAsked) => ({
  host: host ?? undefined,
  ...(servername ? { servername } : {}),
  ...(ca === undefined ? {} : { ca }),
})

/** What node's request sets on sockets, it sets on whatever it is given. Limits are for the beginning of an answer, or for a rest. */
function asSocket(bytes: Duplex, clock: Clock): Duplex {
  let cancel: (() => void) | null = null
  const setTimeout = (limitMs: number) => {
    cancel?.()
    cancel = limitMs > 0 ? clock.after(limitMs, () => void bytes.emit('timeout')) : null
    return bytes
  }
  bytes.once('close', () => cancel?.())
  return Object.assign(bytes, { setTimeout, setNoDelay() {}, setKeepAlive() {}, ref() {}, unref() {} })
}

async function connected(through: Through): Promise<Duplex> {
  const { connection, clock, namespace } = through
  const at = await readyPod(through)
  try {
    return await connectPodPort(connection, at, clock)
  } catch (error) {
    if (isRefused(error, 'Forbidden')) throw forbidden(through, `get and create on pods/portforward in ${namespace}`)
    if (isRefused(error, 'Unauthorized')) throw failureOf(through, error)
    throw isRefused(error) || error instanceof Transient ? notLed(through, at, error) : error
  }
}

async function readyPod(through: Through): Promise<PodPort> {
  const pods = await podsOf(through)
  if (pods === null) throw notInstalled(through)
  const chosen = pods[Math.floor(Math.random() * pods.length)]
  if (chosen) return chosen
  const { connection, namespace } = through
  throw new Failure(EXIT.unreachable, {
    what: 'no pod of the control plane is ready',
    where: `context ${connection.context}: service ${namespace}/${SERVICE}`,
    fix: `kubectl -n ${namespace} get pods says what is wrong with them`,
  })
}

/** Those that are ready; null: the cluster has no such service. */
export async function podsOf(through: Through): Promise<readonly PodPort[] | null> {
  const { connection, namespace } = through
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
  const query = { labelSelector: `kubernetes.io/service-name=${SERVICE}` }
  const answer = await connection.request({ method: 'GET', path, query }).catch((error: unknown) => {
    if (isRefused(error, 'Forbidden')) throw forbidden(through, `list on endpointslices.discovery.k8s.io in ${namespace}`)
    throw failureOf(through, error)
  })
  const slices = listOf(field(answer.body, 'items'))
  return slices.length === 0 ? null : slices.flatMap((slice) => readyIn(slice, namespace))
}

function readyIn(slice: unknown, namespace: string): readonly PodPort[] {
  const port = field(
    listOf(field(slice, 'ports')).find((each) => field(each, 'name') === PORT),
    'port',
  )
  return listOf(field(slice, 'endpoints')).flatMap((endpoint) => {
    const pod = field(endpoint, 'targetRef', 'kind') === 'Pod' ? textOf(field(endpoint, 'targetRef', 'name')) : null
    return pod !== null && typeof port === 'number' && field(endpoint, 'conditions', 'ready') !== false ? [{ namespace, pod, port }] : []
  })
}

/** A pod that has gone since it was listed is no object that somebody asked for: whoever waits for the control plane finds another. */
const notLed = ({ connection, namespace }: Through, { pod }: PodPort, error: unknown): Failure =>
  new Failure(EXIT.unreachable, {
    what: 'the API server does not lead to the control plane',
    where: `context ${connection.context}: pod ${namespace}/${pod}: ${messageOf(error)}`,
    fix: `try again in a moment; kubectl -n ${namespace} get pods says what is wrong with them`,
  })

export const notInstalled = ({ connection, namespace, published }: Through): Failure =>
  new Failure(EXIT.unreachable, {
    what: published === null ? 'this cluster has no control plane' : `the control plane cannot be reached: nothing answers at ${published}`,
    where: `context ${connection.context}: there is no service ${namespace}/${SERVICE}`,
    fix: `${published === null ? 'install it (docs/install-in-a-cluster.md)' : 'see that it runs'}; BOTHY_SYSTEM_NAMESPACE names another namespace, --url a control plane elsewhere`,
  })

const forbidden = ({ connection, namespace }: Through, right: string): Failure =>
  new Failure(
    EXIT.refused,
    {
      what: `you may not reach the control plane through the API server: ${right}`,
      where: `context ${connection.context}: from here there is no other way`,
      fix: `ask for the Role ${ROLE} in ${namespace}, or for an address that is reached from here (docs/kubectl.md); --url names one`,
    },
    { reason: 'Forbidden' },
  )

function failureOf({ connection }: Through, error: unknown): unknown {
  if (isRefused(error)) return failureOfRefused(error, { url: connection.server, from: `context ${connection.context}` })
  return error instanceof Transient ? unreachable(connection, error) : error
}
