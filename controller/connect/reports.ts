import { REPORT_BYTES_MAX, SERVICES, type Report } from '../../agent/protocol.ts'
import { exponentialMs, jittered } from '../kernel/backoff.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import { Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { Misbehaved } from './flood.ts'
import type { Link } from './link.ts'
import { reportIn, type UnknownReport } from './messages.ts'
import { createPace } from './pace.ts'

/** What an agent says in a second, kept or not, is read and looked at by us. */
const BYTES_PER_SECOND = 256 * 1024
const BURST_BYTES = 4 * 1024 * 1024

/** What is said of reports that are kept, and lies here unread. */
const ACKS_BYTES_MAX = 64 * 1024

/** `at`: when they arrived. */
export type Keep = (reports: readonly Report[], at: Instant) => Promise<void>

export interface FollowPorts {
  readonly clock: Clock
  readonly log: Log
}

/**
 * Reads what an agent reports, keeps it, and only then says so: an agent sends again what was not acknowledged. While
 * one batch is being kept the stream is paused, so a talkative agent waits in its own memory.
 */
export async function followReports(link: Link, ports: FollowPorts, keep: Keep): Promise<void> {
  const stream = link.open(SERVICES.events)
  const pace = createPace(ports.clock, BYTES_PER_SECOND, BURST_BYTES)
  const over = new AbortController()
  stream.once('close', () => over.abort())
  let rest = ''
  stream.setEncoding('utf8')
  try {
    for await (const chunk of stream) {
      const waitMs = pace(String(chunk).length)
      if (waitMs > 0) await ports.clock.sleep(waitMs, over.signal)
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      const said = lines.map(parsed)
      if (rest.length > REPORT_BYTES_MAX) throw new Misbehaved('the agent sent a report without an end')
      const last = said.at(-1)
      if (!last) continue
      const at = ports.clock.now()
      const reports = said.filter((report): report is Report => report.kind !== null)
      await kept(link, ports, () => keep(reports, at))
      stream.write(`${JSON.stringify({ ack: last.seq })}\n`)
      if (stream.writableLength > ACKS_BYTES_MAX) throw new Misbehaved('the agent reports, and never reads what is said of it')
    }
  } finally {
    stream.destroy()
  }
}

function parsed(line: string): Report | UnknownReport {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    value = null
  }
  const report = reportIn(value)
  if (!report) throw new Misbehaved('the agent sent something that is no report')
  return report
}

/**
 * The database may be away for a while; what the agent said is not lost by that. What cannot be kept at all is given up:
 * sent again and again it would cut the link for ever.
 */
async function kept(link: Link, { clock, log }: FollowPorts, keep: () => Promise<void>): Promise<void> {
  const over = new AbortController()
  void link.gone.then(() => over.abort())
  for (let failures = 1; !over.signal.aborted; failures += 1) {
    try {
      return await keep()
    } catch (error) {
      if (!(error instanceof Transient)) return log.error('what an agent reported could not be kept', { error })
      await clock.sleep(jittered(exponentialMs(failures, 100, 5000), Math.random()), over.signal)
    }
  }
  throw new Transient('the agent is no longer connected')
}
