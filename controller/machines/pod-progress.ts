import { MAIN, type KubeObject } from './pod-manifest.ts'

/** How far a pod is, from its status and what the cluster says about it. Pure. */

/** The reason of the build goes by this summary. */
export const CLUSTER_AWAY = 'The cluster is not available'

export interface PodEvent {
  readonly uid: string
  readonly type: string
  readonly reason: string
  readonly message: string
}

export type PodProgress =
  | { readonly is: 'running' }
  | { readonly is: 'waiting'; readonly why: string }
  /** Waiting longer does not help, once it has been so for this long: somebody has to change something. */
  | { readonly is: 'stuck'; readonly reason: string; readonly message: string; readonly forMs: number }

interface Ended {
  readonly reason?: string
  readonly message?: string
  readonly exitCode?: number
}

interface ContainerStatus {
  readonly name: string
  readonly restartCount?: number
  /** Of the try before this one. */
  readonly lastState?: { readonly terminated?: Ended }
  readonly state?: {
    readonly running?: object
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly terminated?: Ended
  }
}

/** A volume is still being made, another pod is just going, and who makes a cluster grow looks every 10 s. */
const UNPLACED_MS = 30_000

const HOPELESS: ReadonlySet<string> = new Set([
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'CrashLoopBackOff',
])

export function progressOf(pod: KubeObject, events: readonly PodEvent[]): PodProgress {
  const status = pod.status ?? {}
  const containers = [...statusesIn(status['initContainerStatuses']), ...statusesIn(status['containerStatuses'])]
  for (const container of containers) {
    const { name, state, lastState } = container
    const reason = endsAgainAndAgain(container) ? 'CrashLoopBackOff' : (state?.waiting?.reason ?? '')
    const message = lastWords(state?.terminated ?? lastState?.terminated) ?? state?.waiting?.message ?? reason
    if (HOPELESS.has(reason)) return { is: 'stuck', reason, message: `container ${name}: ${message}`, forMs: 0 }
  }
  if (status['phase'] === 'Failed' || status['phase'] === 'Succeeded')
    return {
      is: 'stuck',
      reason: textOf(status['reason']) || 'PodEnded',
      message: textOf(status['message']) || `the pod has ended: ${status['phase']}`,
      forMs: 0,
    }
  const main = containers.find(({ name }) => name === MAIN)
  if (status['phase'] === 'Running' && main?.state?.running) return { is: 'running' }
  const unplaced = unscheduled(status, events)
  if (unplaced) return unplaced
  const before = containers.find(({ name, state }) => name !== MAIN && state?.running)
  if (before)
    return { is: 'waiting', why: `its container ${before.name} has not finished: see kubectl logs, with --container ${before.name}` }
  return { is: 'waiting', why: main?.state?.waiting?.reason ?? (textOf(status['phase']) || 'Pending') }
}

/** The kubelet writes that it waits only when it next looks at the pod, which since 1.34 can be when it has waited enough. */
function endsAgainAndAgain({ restartCount = 0, state }: ContainerStatus): boolean {
  const ended = state?.terminated
  return ended !== undefined && ended.exitCode !== 0 && restartCount > 0
}

/** Why it ended says more than that it is tried again. */
function lastWords(ended: Ended | undefined): string | null {
  if (!ended) return null
  const { reason = 'Error', exitCode = 0, message = '' } = ended
  return `${reason === 'Error' ? `ended with ${exitCode}` : reason}${message === '' ? '' : `: ${message.trim()}`}`
}

/** A cluster that grows says so, and is waited for. */
function unscheduled(status: Readonly<Record<string, unknown>>, events: readonly PodEvent[]): PodProgress | null {
  const conditions = Array.isArray(status['conditions']) ? (status['conditions'] as readonly Readonly<Record<string, unknown>>[]) : []
  const scheduled = conditions.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.['status'] === 'True') return null
  if (events.some(({ reason }) => reason === 'TriggeredScaleUp')) return null
  const failed = events.findLast(({ reason }) => reason === 'FailedScheduling')
  return failed ? { is: 'stuck', reason: 'FailedScheduling', message: failed.message, forMs: UNPLACED_MS } : null
}

const statusesIn = (value: unknown): readonly ContainerStatus[] => (Array.isArray(value) ? (value as readonly ContainerStatus[]) : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
