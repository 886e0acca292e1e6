import type { Resource } from '../cluster/port.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import { isRefused, messageOf, Stalled, Transient, Waiting } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { splitKey, type Key } from '../kernel/names.ts'
import type { KeyedQueue } from '../kernel/queue.ts'
import { writeStatus, type Finding } from '../status/write.ts'
import type { Kind } from './kind.ts'
import type { OwnWrites } from './own-writes.ts'
import { WRITER, type Ports } from './ports.ts'
import { findingOf } from './troubles.ts'
import type { Turns } from './turns.ts'

export interface LookingOptions {
  readonly kinds: ReadonlyMap<string, Kind>
  readonly ports: Ports
  readonly objects: OwnWrites
  readonly turns: Turns
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly assertLeader: () => Promise<void>
  readonly queue: () => Pick<KeyedQueue<Key>, 'addAt' | 'retry' | 'forget'>
  /** What was found, before it is written. */
  readonly onFinding: (key: Key, finding: Finding | null) => void
}

interface Looked {
  readonly object: Resource
  /** null: nothing worth saying, as when the world is away for a moment, or when the next look says it better at once. */
  readonly finding: Finding | null
  readonly outcome: 'settled' | 'acted' | 'waiting' | 'stalled' | 'transient' | 'failed'
}

/** One look at one object, from observing it to the one write of its status. */
export function createLooking(options: LookingOptions): (key: Key) => Promise<void> {
  const { kinds, objects, clock, metrics } = options
  return async (key) => {
    const { kind: kindName, namespace, name } = splitKey(key)
    const kind = kinds.get(kindName)
    const object = objects.get(kindName, namespace, name)
    if (!kind || !object) {
      options.turns.settled(key)
      options.queue().forget(key)
      return options.onFinding(key, null)
    }
    const startedMs = clock.elapsedMs()
    const now = clock.now()
    const looked = await looking(options, key, kind, object)
    if (looked.object !== object) objects.wrote(looked.object)
    if (looked.finding) {
      options.onFinding(key, looked.finding)
      const written = await writing(options, key, looked.object, looked.finding, now)
      if (written && looked.outcome !== 'failed') options.queue().forget(key)
    }
    metrics.count('bothy_reconcile_looks_total', 'Looks at objects, by how they ended.', { kind: kindName, outcome: looked.outcome })
    const seconds = (clock.elapsedMs() - startedMs) / 1000
    metrics.observe('bothy_reconcile_seconds', 'How long a look took, its actions and its write included.', seconds, { kind: kindName })
  }
}

async function looking(options: LookingOptions, key: Key, kind: Kind, object: Resource): Promise<Looked> {
  const { ports, clock, log, metrics, turns } = options
  const queue = options.queue()
  const now = clock.now()
  const done: string[] = []
  let current = object
  try {
    const { verdict, act } = await kind.look(ports, object, now)
    const isActed = verdict.actions.length > 0
    if (isActed) {
      for await (const { action, after } of act(options.assertLeader)) {
        current = after
        done.push(action)
        metrics.count('bothy_reconcile_actions_total', 'What the reconciler did.', { kind: kind.kind, action })
      }
    } else turns.settled(key)
    const isFollowed = isActed && turns.acted(key)
    if (verdict.wakeAt !== null) queue.addAt(key, Math.max(verdict.wakeAt, now + 1))
    return { object: current, finding: isFollowed && verdict.passing ? null : verdict, outcome: isActed ? 'acted' : 'settled' }
  } catch (error) {
    const outcome = troubled(options, key, error)
    return { object: current, finding: outcome === 'transient' ? null : findingOf(error, kind.top, current.status), outcome }
  } finally {
    if (done.length > 0) log.info('acted', { key, actions: done })
  }
}

/** What is done next is what the error says. */
function troubled({ queue, log }: LookingOptions, key: Key, error: unknown): 'waiting' | 'stalled' | 'transient' | 'failed' {
  if (error instanceof Waiting) {
    if (error.until !== null) queue().addAt(key, error.until)
    return 'waiting'
  }
  if (error instanceof Stalled) return 'stalled'
  queue().retry(key, leastMs(error))
  if (error instanceof Transient || isRefused(error, 'Conflict', 'NotFound')) {
    log.debug('a look is tried again', { key, error: messageOf(error) })
    return 'transient'
  }
  log.error('a look failed', { key, error })
  return 'failed'
}

/** An API server under pressure says when it can be asked again. */
const leastMs = (error: unknown): number => (error instanceof Transient ? (error.retryAfterMs ?? 0) : 0)

async function writing(options: LookingOptions, key: Key, object: Resource, finding: Finding, now: Instant): Promise<boolean> {
  // Its last finalizer was removed just now: there is no object any more.
  if (object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0) return true
  const { ports, objects, queue, log, assertLeader } = options
  try {
    const written = await writeStatus(ports.cluster, object, finding, WRITER, now, assertLeader)
    if (written && written !== object) objects.wrote(written)
    return true
  } catch (error) {
    queue().retry(key, leastMs(error))
    if (error instanceof Transient) log.debug('a status is written again later', { key, error: messageOf(error) })
    else log.error('a status could not be written', { key, error })
    return false
  }
}
