import { spawn, type ChildProcess } from 'node:child_process'
import { exponentialMs } from './kernel/backoff.ts'
import type { Clock } from './kernel/clock.ts'
import type { Log } from './kernel/log.ts'

/**
 * A process of ours that must run as long as we do. It is started again when it ends by itself, with growing pauses, and it
 * knows that we are gone when its standard input closes: that holds after SIGKILL too.
 */
export interface Child {
  pid(): number | null
  /** One line on its standard input. Signals would not do: a terminal, or a service manager, sends them to the whole group. */
  tell(line: string): void
  /** Tells it this, starts it no more, and answers when it has ended. */
  end(line: string): Promise<void>
}

export interface ChildOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Log
  /** It said that it can never work as things are (exit code EX_CONFIG); it is tried again all the same, with pauses. */
  onMisconfigured(message: string): void
}

/** What a program exits with when only its operator can help; `sysexits.h` calls it EX_CONFIG. */
export const MISCONFIGURED = 78

const STEADY_MS = 30_000
const PAUSE_FIRST_MS = 200
const PAUSE_MOST_MS = 10_000
const LINE_BYTES_MAX = 64 * 1024

export function keepRunning({ name, command, args, env, clock, log, onMisconfigured }: ChildOptions): Child {
  let child: ChildProcess | null = null
  let ending = false
  let failures = 0

  const start = (): void => {
    if (ending) return
    const startedAt = clock.elapsedMs()
    const started = spawn(command, [...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    child = started
    started.stdin?.on('error', () => {})
    let lastSaid = ''
    for (const stream of [started.stdout, started.stderr]) {
      stream?.on('data', (data: Buffer) => {
        lastSaid = data.subarray(0, LINE_BYTES_MAX).toString().trimEnd()
        log.info(`${name} says`, { text: lastSaid })
      })
    }
    const over = (how: Readonly<Record<string, unknown>>): void => {
      if (child !== started) return
      child = null
      if (ending) return
      failures = clock.elapsedMs() - startedAt > STEADY_MS ? 1 : failures + 1
      const pauseMs = exponentialMs(failures, PAUSE_FIRST_MS, PAUSE_MOST_MS)
      log.warn(`${name} ended by itself and is started again`, { ...how, pauseMs })
      if (how['code'] === MISCONFIGURED) onMisconfigured(lastSaid.split('\n').at(-1) ?? '')
      clock.after(pauseMs, start)
    }
    // Where the system has no room for one more process there is no exit, only this.
    started.on('error', (error) => over({ error }))
    started.on('exit', (code, signal) => over({ code, signal }))
  }
  start()

  return {
    pid: () => child?.pid ?? null,
    tell: (line) => void child?.stdin?.write(`${line}\n`),
    end: (line) => {
      ending = true
      const running = child
      if (!running) return Promise.resolve()
      return new Promise((ended) => {
        running.once('exit', () => ended())
        running.once('error', () => ended())
        running.stdin?.write(`${line}\n`)
      })
    },
  }
}
