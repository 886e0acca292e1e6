import type { Cancel, Clock, Instant } from '../controller/kernel/clock.ts'
import { nextBySeconds } from '../controller/kernel/cron.ts'
import type { ManifestScript } from './protocol.ts'
import type { Reports } from './reports.ts'

/** Scripts that run on a schedule, as long as the workspace does. A run that is due while the one before goes on is left out. */
export interface CronRuns {
  /** These and no others, from now on. */
  schedule(scripts: readonly ManifestScript[]): void
  stop(): void
}

export interface CronPorts {
  readonly run: (script: ManifestScript) => Promise<unknown>
  readonly reports: Pick<Reports, 'log'>
  readonly clock: Clock
}

/** A machine that slept, or whose clock was set, is noticed after this at the latest. */
const LOOK_EVERY_MS = 60_000
/** A run that is later than this was slept through, and is not made up for. */
const LATE_MS = 60_000

export function createCronRuns({ run, reports, clock }: CronPorts): CronRuns {
  const scheduled = new Map<string, Cancel>()
  const running = new Set<string>()

  const start = (name: string, script: ManifestScript) => {
    if (running.has(name)) return reports.log(script.name, 'warn', 'is still running: this run of its schedule is left out')
    running.add(name)
    void run(script).finally(() => running.delete(name))
  }
  const wait = (name: string, script: ManifestScript, cron: string) => {
    const next: Instant | null = nextBySeconds(cron, clock.now())
    if (next === null) return
    const look = () => {
      const now = clock.now()
      if (now < next) return sleep()
      if (now - next <= LATE_MS) start(name, script)
      wait(name, script, cron)
    }
    const sleep = () => void scheduled.set(name, clock.after(Math.min(next - clock.now(), LOOK_EVERY_MS), look))
    sleep()
  }
  const stop = () => {
    for (const cancel of scheduled.values()) cancel()
    scheduled.clear()
  }

  return {
    stop,
    schedule(scripts) {
      const wanted = new Map<string, ManifestScript>()
      scripts.forEach((script, i) => wanted.set(`${i} ${JSON.stringify(script)}`, script))
      for (const [name, cancel] of scheduled) {
        if (wanted.has(name)) continue
        cancel()
        scheduled.delete(name)
      }
      for (const [name, script] of wanted) if (!scheduled.has(name) && script.cron) wait(name, script, script.cron)
    },
  }
}
