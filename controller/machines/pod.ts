import type { PodMachines, PodSeen, PodWanted } from '../../provider/machine-ports.ts'
import { problem } from '../../provider/schema/rules.ts'
import { Wrong } from '../../provider/session.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { LABEL } from './container-spec.ts'
import { claimsOf, givenIn, inputsOf, MAIN, podName, podOf, secretName, secretOf } from './pod-manifest.ts'
import type { KubeObject, PodNaming } from './pod-manifest.ts'
import { refusedOf, type PodPlace } from './pod-place.ts'
import { progressOf, type PodEvent } from './pod-progress.ts'

/** A machine that is a pod. The cluster keeps everything that is known of it, under a name that is the same at every try. */

export type PodKind = KubeObject['kind']

/** What is needed of a cluster. Every write is a server-side apply by the field manager `bothy-machine`. */
export interface Pods {
  /** Forced: nobody else has a say in these fields. */
  apply(object: KubeObject): Promise<KubeObject>
  get(kind: PodKind, namespace: string, name: string): Promise<KubeObject | null>
  list(kind: PodKind, namespace: string, labels: Readonly<Record<string, string>>): Promise<readonly KubeObject[]>
  /** Only the one of this uid; gone already is as good as removed. */
  remove(object: KubeObject): Promise<void>
  /** About one object, oldest first. */
  events(namespace: string, uid: string): Promise<readonly PodEvent[]>
}

export const FIELD_MANAGER = 'bothy-machine'

export interface PodMachinesOptions {
  readonly pods: Pods
  readonly place: PodPlace
  readonly naming: PodNaming
  readonly clock: Clock
  readonly log: Log
  readonly say: (line: string) => void
  readonly tokenOf: (agentId: string) => string | null
}

const WAIT_MS = 10 * 60_000
const GONE_MS = 2 * 60_000
const LOOK_MS = 1000
const KINDS: readonly PodKind[] = ['Pod', 'Secret', 'PersistentVolumeClaim']
const STAYS: Readonly<Record<PodKind, string>> = {
  Pod: 'The pod does not end',
  Secret: 'The secret does not go',
  PersistentVolumeClaim: 'The volume claim does not go',
}

export function podMachines(options: PodMachinesOptions): PodMachines {
  const { pods, place, naming, log } = options
  const makeOrAdopt = async (wanted: PodWanted, signal: AbortSignal): Promise<PodSeen> => {
    const token = options.tokenOf(wanted.agentId)
    if (token === null) throw unknownAgent(wanted.agentId)
    const namespace = wanted.namespace ?? place.namespace
    const found = await ours(options, namespace, wanted.name)
    const same = found !== null && isAlive(found) && found.metadata.annotations?.[LABEL.inputs] === inputsOf(wanted, place)
    // What the cluster refuses here costs no session.
    await pods.apply(secretOf(wanted, naming, namespace, { token, authority: place.authority }))
    for (const claim of claimsOf(wanted, naming, namespace)) await pods.apply(claim)
    if (found && !same) await end(options, found)
    const pod = podOf(wanted, naming, namespace, place)
    const made = await pods.apply(same ? withOriginOf(found, pod) : pod)
    log.info(same ? 'pod adopted' : 'pod made', { pod: made.metadata.name, namespace })
    return seenOf(wanted.wait ? await untilRunning(options, made, signal) : made)
  }

  return {
    refused: (wanted) => refusedOf(wanted, place),
    async observe(name) {
      const found = await anywhere(options, name)
      return found && isAlive(found) ? seenOf(found) : null
    },
    create: makeOrAdopt,
    update: makeOrAdopt,
    async destroy(name) {
      for (const namespace of namespacesOf(place)) {
        const pod = await pods.get('Pod', namespace, podName(naming, name))
        if (pod && isOurs(options, pod)) await end(options, pod)
        const secret = await pods.get('Secret', namespace, secretName(naming, name))
        if (secret && isOurs(options, secret)) await pods.remove(secret)
      }
    },
    async forget() {
      for (const namespace of namespacesOf(place)) {
        for (const kind of KINDS) {
          const found = await pods.list(kind, namespace, { [LABEL.workspace]: naming.workspace.uid })
          // A claim is there until its volume is let go of: who is told that all is gone must not find it.
          for (const each of found) await end(options, each)
        }
      }
    },
  }
}

/** How the program and the images came into a pod that runs cannot be changed, and does not matter any more. */
const withOriginOf = ({ spec: running }: KubeObject, pod: KubeObject): KubeObject => ({
  ...pod,
  spec: { ...pod.spec, initContainers: running?.['initContainers'], imagePullSecrets: running?.['imagePullSecrets'] },
})

const namespacesOf = ({ namespace, namespaces }: PodPlace): readonly string[] => [...new Set([namespace, ...namespaces])]

const isOurs = ({ naming }: PodMachinesOptions, { metadata }: KubeObject): boolean =>
  metadata.labels?.[LABEL.workspace] === naming.workspace.uid

/** One that is being deleted, or has ended, is no machine any more. */
const isAlive = ({ metadata, status }: KubeObject): boolean =>
  metadata.deletionTimestamp === undefined && status?.['phase'] !== 'Failed' && status?.['phase'] !== 'Succeeded'

async function ours(options: PodMachinesOptions, namespace: string, name: string): Promise<KubeObject | null> {
  const found = await options.pods.get('Pod', namespace, podName(options.naming, name))
  if (found && !isOurs(options, found)) throw foreign(found)
  return found
}

/** The protocol keeps the namespace in the state, which is not told here; there are few. */
async function anywhere(options: PodMachinesOptions, name: string): Promise<KubeObject | null> {
  for (const namespace of namespacesOf(options.place)) {
    const found = await options.pods.get('Pod', namespace, podName(options.naming, name))
    if (found && isOurs(options, found)) return found
  }
  return null
}

async function end({ pods, clock }: PodMachinesOptions, object: KubeObject): Promise<void> {
  await pods.remove(object)
  const { namespace, name, uid } = object.metadata
  const since = clock.elapsedMs()
  for (;;) {
    const now = await pods.get(object.kind, namespace, name)
    if (!now || now.metadata.uid !== uid) return
    if (clock.elapsedMs() - since > GONE_MS)
      throw new Wrong(problem([], STAYS[object.kind], `${namespace}/${name} was deleted ${GONE_MS / 1000} s ago and is still there.`))
    await clock.sleep(LOOK_MS)
  }
}

async function untilRunning({ pods, clock, say }: PodMachinesOptions, made: KubeObject, signal: AbortSignal): Promise<KubeObject> {
  const { namespace, name, uid = '' } = made.metadata
  const since = clock.elapsedMs()
  const told = new Set<string>()
  let stuckSince: number | null = null
  for (;;) {
    const [pod, events] = await Promise.all([pods.get('Pod', namespace, name), pods.events(namespace, uid)])
    if (!pod) throw new Wrong(problem([], 'The pod is gone', `${namespace}/${name} was deleted by somebody else while it started.`))
    for (const event of events.filter((each) => !told.has(each.uid))) {
      told.add(event.uid)
      say(`${event.reason}: ${event.message}`)
    }
    const progress = progressOf(pod, events)
    if (progress.is === 'running') return pod
    stuckSince = progress.is === 'stuck' ? (stuckSince ?? clock.elapsedMs()) : null
    if (progress.is === 'stuck' && clock.elapsedMs() - (stuckSince ?? 0) >= progress.forMs)
      throw new Wrong(problem([], `The pod does not run: ${progress.reason}`, progress.message))
    if (clock.elapsedMs() - since > WAIT_MS)
      throw new Wrong(
        problem(
          [],
          'The pod does not run',
          `${namespace}/${name} was waited for ${WAIT_MS / 60_000} min: ${progress.is === 'waiting' ? progress.why : progress.message}.`,
        ),
      )
    await clock.sleep(LOOK_MS, signal)
    if (signal.aborted) throw new Wrong(problem([], 'Canceled', `The build was canceled while it waited for ${namespace}/${name}.`))
  }
}

function seenOf(pod: KubeObject): PodSeen {
  const { nodeName, containers } = (pod.spec ?? {}) as { nodeName?: string; containers?: readonly { name: string; image: string }[] }
  return {
    pod: pod.metadata.name,
    namespace: pod.metadata.namespace,
    node: nodeName ?? '',
    image: containers?.find(({ name }) => name === MAIN)?.image ?? '',
    labels: givenIn(pod, 'labels'),
    annotations: givenIn(pod, 'annotations'),
  }
}

const foreign = ({ metadata }: KubeObject) =>
  new Wrong(
    problem(
      ['name'],
      'Pod name in use',
      `There is a pod ${metadata.namespace}/${metadata.name} that is not this workspace's. Delete it, or give the machine another name.`,
    ),
  )

const unknownAgent = (agentId: string) =>
  new Wrong(
    problem(['agent_id'], 'Unknown agent', `Agent ${agentId} is not one of this build: give the id of a bothy_agent or coder_agent.`),
  )
