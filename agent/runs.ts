import type { Clock } from '../controller/kernel/clock.ts'
import type { AgentEnvironment } from './environment.ts'
import type { LifecycleKeeper } from './lifecycle.ts'
import { createCronRuns } from './cron-runs.ts'
import { createMetadata } from './metadata.ts'
import type { Manifest, ManifestScript } from './protocol.ts'
import type { Reports } from './reports.ts'
import { workingFolder } from './resolve-command.ts'
import { runScript, type ScriptEnd, type ScriptPorts } from './scripts.ts'
import { groupLives, signalGroup } from './spawn.ts'

/** The scripts of one run of the agent's program: start scripts once, whatever happens to the link; stop scripts once. */
export interface ScriptRuns {
  start(): void
  /** What there is to run may have changed. */
  schedule(): void
  /** Resolves when the stop scripts have ended; called again it answers the same. */
  stop(limitMs: number): Promise<void>
  /** Ends what scripts left running: TERM, and KILL after `graceMs`. */
  endAll(graceMs: number): Promise<void>
}

/** A script without a limit of its own still has one. */
const LIMIT_MS = 24 * 3_600_000
const FORGET_EVERY_MS = 5000
const LOOK_EVERY_MS = 20

const limitOf = ({ timeoutSeconds }: ManifestScript): number => timeoutSeconds * 1000 || LIMIT_MS

export interface ScriptRunsPorts {
  readonly environment: AgentEnvironment
  readonly manifest: () => Manifest
  readonly lifecycle: LifecycleKeeper
  readonly reports: Reports
  readonly linked: () => boolean
  readonly clock: Clock
}

export function createScriptRuns({ environment, manifest, lifecycle, reports, linked, clock }: ScriptRunsPorts): ScriptRuns {
  /** A number of a group is nobody else's while it has members; so those that are empty are forgotten soon. */
  const groups = new Set<number>()
  const forgetEmpty = () => {
    for (const group of groups) if (!groupLives(group)) groups.delete(group)
  }
  const forgetNowAndThen = () => {
    forgetEmpty()
    clock.after(FORGET_EVERY_MS, forgetNowAndThen)
  }
  forgetNowAndThen()
  let stopping: Promise<void> | null = null
  const ports: ScriptPorts = {
    cwd: () => workingFolder(manifest(), environment),
    env: () => ({ ...environment.inherited, HOME: environment.home, ...manifest().env }),
    home: environment.home,
    reports,
    clock,
    onStarted: (running) => {
      groups.add(running.pid)
    },
  }

  const cron = createCronRuns({ run: (script) => runScript(script, limitOf(script), ports), reports, clock })
  const metadata = createMetadata({ ...ports, linked })
  const runAll = (on: 'start' | 'stop', mostMs: number): Promise<ScriptEnd[]> =>
    Promise.all(
      manifest()
        .scripts.filter((script) => script.on === on)
        .map((script) => runScript(script, Math.min(limitOf(script), mostMs), ports)),
    )

  const runStart = async () => {
    lifecycle.moveTo('Starting')
    const ends = await runAll('start', LIMIT_MS)
    if (ends.some((end) => end.exit === 'timed_out')) lifecycle.moveTo('StartTimeout', messagesOf(ends))
    else if (ends.some((end) => end.exit === 'failed')) lifecycle.moveTo('StartError', messagesOf(ends))
    else lifecycle.moveTo('Ready')
  }

  const runStop = async (limitMs: number) => {
    cron.stop()
    metadata.stop()
    lifecycle.moveTo('ShuttingDown')
    const ends = await runAll('stop', limitMs)
    if (ends.some((end) => end.exit === 'timed_out')) lifecycle.moveTo('ShutdownTimeout', messagesOf(ends))
    else if (ends.some((end) => end.exit === 'failed')) lifecycle.moveTo('ShutdownError', messagesOf(ends))
    else lifecycle.moveTo('Off')
  }

  return {
    start() {
      if (lifecycle.now === 'Created') void runStart()
    },
    schedule() {
      if (stopping) return
      cron.schedule(manifest().scripts.filter(({ on }) => on === 'cron'))
      metadata.schedule(manifest().metadata)
    },
    stop(limitMs) {
      stopping ??= runStop(limitMs)
      return stopping
    },
    async endAll(graceMs) {
      const limitAt = clock.elapsedMs() + graceMs
      for (const group of groups) signalGroup(group, 'SIGTERM')
      for (forgetEmpty(); groups.size > 0 && clock.elapsedMs() < limitAt; forgetEmpty()) await clock.sleep(LOOK_EVERY_MS)
      for (const group of groups) signalGroup(group, 'SIGKILL')
    },
  }
}

const messagesOf = (ends: readonly ScriptEnd[]): string =>
  ends
    .filter((end) => end.exit === 'failed' || end.exit === 'timed_out')
    .map((end) => `script ${end.name} ${end.message}`)
    .join('; ')
