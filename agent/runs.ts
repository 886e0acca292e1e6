import type { Clock } from '../controller/kernel/clock.ts'
import type { AgentEnvironment } from './environment.ts'
import type { LifecycleKeeper } from './lifecycle.ts'
import type { Manifest } from './protocol.ts'
import type { Reports } from './reports.ts'
import { workingFolder } from './resolve-command.ts'
import { runScript, type ScriptEnd, type ScriptPorts } from './scripts.ts'
import { groupLives, signalGroup } from './spawn.ts'

/** The scripts of one run of the agent's program: start scripts once, whatever happens to the link; stop scripts once. */
export interface ScriptRuns {
  start(): void
  /** Resolves when the stop scripts have ended; called again it answers the same. */
  stop(limitMs: number): Promise<void>
  /** Ends what scripts left running: TERM, and KILL after `graceMs`. */
  endAll(graceMs: number): Promise<void>
}

/** A script without a limit of its own still has one. */
const LIMIT_MS = 24 * 3_600_000
const FORGET_EVERY_MS = 5000
const LOOK_EVERY_MS = 20

export interface ScriptRunsPorts {
  readonly environment: AgentEnvironment
  readonly manifest: () => Manifest
  readonly lifecycle: LifecycleKeeper
  readonly reports: Reports
  readonly clock: Clock
}

export function createScriptRuns({ environment, manifest, lifecycle, reports, clock }: ScriptRunsPorts): ScriptRuns {
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
    reports,
    clock,
    onStarted: (running) => {
      groups.add(running.pid)
    },
  }

  const runAll = (on: 'start' | 'stop', mostMs: number): Promise<ScriptEnd[]> =>
    Promise.all(
      manifest()
        .scripts.filter((script) => script.on === on)
        .map((script) => runScript(script, Math.min(script.timeoutSeconds * 1000 || LIMIT_MS, mostMs), ports)),
    )

  const runStart = async () => {
    lifecycle.moveTo('Starting')
    const ends = await runAll('start', LIMIT_MS)
    if (ends.some((end) => end.exit === 'timed_out')) lifecycle.moveTo('StartTimeout', messagesOf(ends))
    else if (ends.some((end) => end.exit === 'failed')) lifecycle.moveTo('StartError', messagesOf(ends))
    else lifecycle.moveTo('Ready')
  }

  const runStop = async (limitMs: number) => {
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
