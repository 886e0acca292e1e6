import type { Instant } from '../../kernel/clock.ts'
import { exponentialMs } from '../../kernel/backoff.ts'
import type { Job, Transition } from '../../store/records.ts'
import { ended } from '../verdict.ts'
import { CONTROLLER } from './seen.ts'

/** What the history of a workspace's builds says. Newest first, everywhere. */

export const START_TRIES_MAX = 3
const RETRY_FIRST_MS = 10_000
const RETRY_MOST_MS = 600_000

export const isInFlight = ({ phase }: Job): boolean => phase === 'Queued' || phase === 'Running' || phase === 'Canceling'

export const buildInFlight = (builds: readonly Job[]): Job | null => builds.find(isInFlight) ?? null

/** Cancelled by ourselves before anybody took it: as if it had never been queued. */
const wasTakenBack = (build: Job): boolean => build.phase === 'Canceled' && build.startedAt === null && build.cancelBy === CONTROLLER

const settledOnes = (builds: readonly Job[]): Job[] => builds.filter((build) => !isInFlight(build) && !wasTakenBack(build))

export const newestSettled = (builds: readonly Job[]): Job | null => settledOnes(builds)[0] ?? null

/** The newest that touched the world: one that was canceled in the queue did not. */
const newestThatRan = (builds: readonly Job[]): Job | null =>
  builds.find((build) => !isInFlight(build) && (build.startedAt !== null || build.phase === 'Succeeded')) ?? null

export const isSucceededStart = (build: Job | null): build is Job =>
  build !== null && build.phase === 'Succeeded' && build.transition === 'start'

export const newestStart = (builds: readonly Job[]): Job | null => builds.find(({ transition }) => transition === 'start') ?? null

export const newestSucceededStart = (builds: readonly Job[]): Job | null => builds.find(isSucceededStart) ?? null

/** Something was built, and the newest settled build is not a succeeded stop or destroy. */
export function mayBeRunning(builds: readonly Job[]): boolean {
  const newest = newestThatRan(builds)
  return newest !== null && !(newest.phase === 'Succeeded' && newest.transition !== 'start')
}

/** The start that what runs now is made of: nothing succeeded since that ended it. */
export function standingStart(builds: readonly Job[]): Job | null {
  const newest = builds.find(({ phase }) => phase === 'Succeeded') ?? null
  return isSucceededStart(newest) ? newest : null
}

/** Nothing was ever made, or all of it was destroyed. */
export const nothingIsLeft = (builds: readonly Job[]): boolean => {
  const ran = builds.find((build) => build.startedAt !== null || build.phase === 'Succeeded')
  return !ran || (ran.transition === 'destroy' && ran.phase === 'Succeeded')
}

const wasCanceledByPerson = (build: Job): boolean => build.phase === 'Canceled' && build.cancelBy !== null && build.cancelBy !== CONTROLLER

/** Ended without anybody's fault: paced as a failure, but no try. */
const wasInterrupted = (build: Job): boolean =>
  build.errorReason === 'Interrupted' ||
  build.errorReason === 'ProvisionerLost' ||
  build.errorReason === 'NoProvisioner' ||
  build.errorReason === 'DockerUnavailable' ||
  build.errorReason === 'ClusterUnavailable' ||
  (build.phase === 'Canceled' && !wasCanceledByPerson(build))

export interface Pace {
  /** Failures since the last success. */
  readonly failures: readonly Job[]
  readonly tries: number
  readonly canceledByPerson: boolean
  /** Not before. */
  readonly nextAt: Instant | null
}

/** How often a transition failed in a row, and when it may be tried again. `counts` says which failures are of the same attempt. */
export function paceOf(builds: readonly Job[], transition: Transition, counts: (build: Job) => boolean): Pace {
  const settled = settledOnes(builds)
  const end = settled.findIndex((build) => build.phase === 'Succeeded' || build.transition !== transition || !counts(build))
  const failures = end === -1 ? settled : settled.slice(0, end)
  const newest = failures[0]
  return {
    failures,
    tries: failures.filter((build) => !wasInterrupted(build) && !wasCanceledByPerson(build)).length,
    canceledByPerson: newest !== undefined && wasCanceledByPerson(newest),
    nextAt: newest ? (newest.finishedAt ?? newest.queuedAt) + exponentialMs(failures.length, RETRY_FIRST_MS, RETRY_MOST_MS) : null,
  }
}

/** One sentence about a build that did not succeed. */
export function failureOf(build: Job): string {
  const what = `${capital(build.transition ?? 'build')} build ${build.number ?? 0}`
  if (build.phase === 'Canceled') return `${what} was canceled.`
  return `${what} failed: ${ended(build.error ?? 'it left no message')}`
}

/** Names are left as they are: a file called `main.tf:3:1` is not `Main.tf`. */
export const capital = (text: string): string => (/^[a-z]+(?![\w./-])/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text)
