import type { Cluster } from '../cluster/port.ts'
import { exponentialMs } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'

const RETRY_FIRST_MS = 500
const RETRY_MOST_MS = 30_000

interface Ports {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly log: Log
  /** Something that files declare, or that uses what they declare, is gone. */
  dirty(): void
}

/** Objects that go are a reason to look at the folder again: it may declare them, or have waited for their end. */
export async function watchDeletions(kind: string, { cluster, clock, log, dirty }: Ports, over: AbortSignal): Promise<void> {
  let failures = 0
  while (!over.aborted) {
    try {
      const { resourceVersion } = await cluster.list(kind, { limit: 1 })
      dirty()
      for await (const change of cluster.watch(kind, { from: resourceVersion }, over)) {
        failures = 0
        if (change.type === 'DELETED') dirty()
      }
    } catch (error) {
      failures += 1
      log.debug('watching for deletions was cut, and is tried again', { kind, error: messageOf(error) })
    }
    if (!over.aborted) await clock.sleep(exponentialMs(Math.max(failures, 1), RETRY_FIRST_MS, RETRY_MOST_MS), over)
  }
}
