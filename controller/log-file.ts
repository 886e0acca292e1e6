import type { Config } from './config.ts'
import { systemClock } from './kernel/clock.ts'
import { asJson, createLog, jsonLog, type Log } from './kernel/log.ts'
import { asText } from './kernel/readable-log.ts'
import { boundedLog } from './store/server-log.ts'

/** The log of a control plane in a terminal goes to a file: what people should read is said, not logged. */
export function logTo(file: string, config: Config): Log {
  const bounded = boundedLog(file)
  return jsonLog(systemClock, config.logLevel, (line) => bounded.write(Buffer.from(line)))
}

/** For a program whose log is what it says: lines for people in a terminal, and all of it in the file. */
export function logInTerminal(file: string, config: Config): Log {
  const bounded = boundedLog(file)
  const write = (line: string): void => bounded.write(Buffer.from(line))
  return createLog(systemClock, config.logLevel, [asJson(write), asText((line) => process.stderr.write(line))])
}
