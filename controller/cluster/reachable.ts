import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { KubernetesConnection } from './kubernetes-connection.ts'

/**
 * Whether the API server answers this replica. Leases are rows of Postgres: one that reaches those and not the cluster would lead
 * for ever, and do nothing, while another could.
 */
export interface Reachable {
  readonly now: boolean
}

const ASK_EVERY_MS = 10_000
const ANSWER_MS = 5000
/** A server that is restarted, or upgraded behind a balancer, is no reason to change who leads. */
const FAILURES_MAX = 3

export function watchReachable(
  { connection, clock, log }: { readonly connection: Pick<KubernetesConnection, 'request'>; readonly clock: Clock; readonly log: Log },
  over: AbortSignal,
): Reachable {
  let failures = 0
  const ask = async (): Promise<void> => {
    try {
      await connection.request({ method: 'GET', path: '/version', timeoutMs: ANSWER_MS, signal: over })
      if (failures >= FAILURES_MAX) log.info('the cluster answers again')
      failures = 0
    } catch (error) {
      if (over.aborted) return
      failures += 1
      if (failures === FAILURES_MAX) log.warn('the cluster does not answer this replica', { error: messageOf(error) })
    }
  }
  const asking = async () => {
    while (!over.aborted) {
      await ask()
      await clock.sleep(ASK_EVERY_MS, over)
    }
  }
  void asking()
  return {
    get now() {
      return failures < FAILURES_MAX
    },
  }
}
