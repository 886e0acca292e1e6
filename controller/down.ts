import { existsSync } from 'node:fs'
import type { Workspace } from '../crds/types.ts'
import type { Config } from './config.ts'
import type { Cache } from './cluster/port.ts'
import { workspacesOf } from './follow.ts'
import { systemClock } from './kernel/clock.ts'
import { Transient } from './kernel/errors.ts'
import { isSame } from './kernel/pids.ts'
import { logTo } from './log-file.ts'
import { closeInOrder, createClosers } from './shutdown.ts'
import { listenToSignals } from './signals.ts'
import { openEverything, type DownAnswer, type Standalone } from './standalone.ts'
import { holderOf, openState, takeLeft, tokenIn, type Holder } from './state.ts'

/** `bothy down`: every machine of this state folder ends, by its own stop build. Homes stay; the next `bothy up` resumes. */

const LOOK_MS = 50
const LIMIT_MS = 10 * 60_000
const ANSWER_LIMIT_MS = 10_000

const say = (line: string): void => void process.stdout.write(`${line}\n`)

export async function runDown(config: Config): Promise<number> {
  // To look whether anything runs, nothing must come into being.
  if (!existsSync(config.stateDir)) {
    say(`nothing runs: there is no ${config.stateDir}`)
    return 0
  }
  const holder = holderOf(config.stateDir)
  if (holder) return askTheOneThatIsUp(config, holder)
  const state = openState(config.stateDir)
  const log = logTo(state.logFile, config)
  const closers = createClosers()
  const unable = Promise.withResolvers<number>()
  const stopListening = listenToSignals(systemClock, [() => process.exit(130)])
  try {
    const standalone = await openEverything({
      config,
      state,
      clock: systemClock,
      log,
      closers,
      goingDown: true,
      onDown: () => ({ pid: process.pid, running: [] }),
      onUnable: (why) => {
        process.stderr.write(`bothy: nothing can be stopped: ${why}\n`)
        unable.resolve(2)
      },
      onLost: (why) => {
        process.stderr.write(`bothy: the database is gone and did not come back: ${why}\n`)
        process.exit(1)
      },
    })
    const left = bringDown(standalone, say).then(({ length }) => (length === 0 ? 0 : 1))
    return await Promise.race([left, unable.promise])
  } finally {
    await closeInOrder(closers.steps(), systemClock, log)
    stopListening()
    state.release()
  }
}

/** It brings everything down itself and then ends, so its end is the answer. */
async function askTheOneThatIsUp(config: Config, { pid, start, url }: Holder): Promise<number> {
  const token = tokenIn(`${config.stateDir}/token`)
  const ask = async (method: string, path: string): Promise<unknown> => {
    const answer = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    }).catch((error: unknown) => {
      throw new Transient(`the control plane of pid ${pid} does not answer at ${url}`, { cause: error })
    })
    if (!answer.ok) throw new Transient(`the control plane of pid ${pid} refused: ${await answer.text()}`)
    return answer.json()
  }
  const { running } = (await ask('POST', '/bothy/v1/down')) as DownAnswer
  say(running.length ? `bringing down ${running.join(', ')}` : 'nothing runs')
  const limitAt = systemClock.elapsedMs() + LIMIT_MS
  while (isSame(pid, start)) {
    if (systemClock.elapsedMs() > limitAt) {
      process.stderr.write(`bothy: pid ${pid} is still at it; its own terminal says what it waits for\n`)
      return 1
    }
    await systemClock.sleep(LOOK_MS)
  }
  const left = takeLeft(config.stateDir)
  for (const line of left) say(line)
  if (left.length > 0) return 1
  say(running.length ? `down: ${running.join(', ')}` : 'the control plane has ended')
  return 0
}

/** Waits until nothing runs any more; says and answers what is left. */
export async function bringDown({ engine, cache }: Standalone, say: (line: string) => void): Promise<readonly string[]> {
  const names = workspacesOf(cache)
    .filter(mayRun)
    .map(({ metadata }) => metadata.name)
  say(names.length ? `bringing down ${names.join(', ')}` : 'nothing runs')
  engine.lookAtAll()
  const limitAt = systemClock.elapsedMs() + LIMIT_MS
  while (engine.depth() > 0 || workspacesOf(cache).some(mayStillEnd)) {
    if (systemClock.elapsedMs() > limitAt) break
    await systemClock.sleep(LOOK_MS)
  }
  const left = workspacesOf(cache)
    .filter(mayRun)
    .map(({ metadata, status }) => `left: ${metadata.name} (${status?.build?.message ?? status?.state ?? 'unknown'})`)
  for (const line of left) say(line)
  if (left.length === 0 && names.length > 0) say(`down: ${names.join(', ')}`)
  return left
}

export const runningNames = (cache: Cache): string[] =>
  workspacesOf(cache)
    .filter(mayRun)
    .map(({ metadata }) => metadata.name)

const mayRun = ({ status }: Workspace): boolean => status?.power?.effective === 'Running' || buildRuns(status?.build?.phase)

const buildRuns = (phase: string | undefined): boolean => phase === 'Queued' || phase === 'Running' || phase === 'Canceling'

/** Not while its newest stop failed: those tries go on at the next start, and a person should know now. */
const mayStillEnd = (workspace: Workspace): boolean =>
  mayRun(workspace) && !(workspace.status?.build?.phase === 'Failed' && workspace.status.build.transition !== 'Start')
