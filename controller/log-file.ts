import type { Config } from './config.ts'
import { systemClock } from './kernel/clock.ts'
import { jsonLog, type Log } from './kernel/log.ts'
import { boundedLog } from './store/server-log.ts'

/** The log of a control plane in a terminal goes to a file: what people should read is said, not logged. */
export function logTo(file: string, config: Config): Log {
  const bounded = boundedLog(file)
  return jsonLog(systemClock, config.logLevel, (line) => bounded.write(Buffer.from(line)))
}
