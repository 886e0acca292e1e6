import { LIFECYCLES, LOG_LINE_LENGTH_MAX, type Lifecycle } from './protocol.ts'
import type { Reports } from './reports.ts'

/**
 *   Created → Starting → Ready | StartError | StartTimeout → ShuttingDown → Off | ShutdownError | ShutdownTimeout
 *
 * Only forward in one run of the program; a new run begins at Created.
 */
export interface LifecycleKeeper {
  readonly now: Lifecycle
  readonly message: string
  moveTo(next: Lifecycle, message?: string): void
}

export function createLifecycle(reports: Reports): LifecycleKeeper {
  let now: Lifecycle = 'Created'
  let why = ''
  reports.lifecycle(now, '')
  return {
    get now() {
      return now
    },
    get message() {
      return why
    },
    moveTo(next, message = '') {
      if (LIFECYCLES.indexOf(next) <= LIFECYCLES.indexOf(now)) return
      now = next
      // Many scripts may fail at once, and every hello says why: it must not grow out of what is listened to.
      why = message.slice(0, LOG_LINE_LENGTH_MAX)
      reports.lifecycle(next, why)
    },
  }
}
