import type { Clock } from '../controller/kernel/clock.ts'
import type { Client } from './client.ts'
import type { Environment } from './environment.ts'
import type { Options } from './options.ts'
import type { Terminal } from './terminal.ts'

/** What a command is given to work with. */
export interface Session {
  readonly environment: Environment
  readonly terminal: Terminal
  readonly clock: Clock
  /** The command's own name: several may share one file. */
  readonly command: string
  readonly namespace: string
  /** `json`, `yaml`, `table` …; null where the command has no `-o`. */
  readonly output: string | null
  /** What says the same home to a program that is started from here. */
  readonly homeFlags: readonly string[]
  /** Finds the control plane; throws `Failure` with code 5 where there is none. */
  client(): Client
  /** Aborts at Ctrl-C. From the first call on, Ctrl-C detaches and does not end the process at once. */
  interrupted(): AbortSignal
}

/** Answers the exit code. */
export type Run = (session: Session, args: readonly string[], options: Options) => Promise<number>
