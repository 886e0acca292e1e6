import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { exponentialMs } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import { messageOf, Misconfigured, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { randomSuffix } from '../kernel/names.ts'
import { canConnect } from './pool.ts'
import {
  DATABASE_USER,
  giveTo,
  newPassword,
  ownByServant,
  prepare,
  refuseOtherMajor,
  settings,
  urlOf,
  type Place,
  type Servant,
  type Settings,
} from './embedded-place.ts'
import { postgresFiles, type PostgresFiles } from './postgres-files.ts'
import { clearTheWay, gone, GUARD_NAME, linuxProcesses, postmasterOf, type Processes } from './postmaster.ts'
import { boundedLog, type BoundedLog } from './server-log.ts'

/**
 * Our own Postgres, for life on one machine. It ends with us, whatever ends us: it runs under a small shell that holds a
 * pipe from this process and stops the server when the pipe closes. When the server itself dies it is started again.
 */
export interface Embedded {
  readonly url: string
  pid(): number
  /** Told once, when it died and could not be brought back. */
  onExit(listener: (why: string) => void): void
  close(): Promise<void>
}

interface Options {
  /** The state folder; everything is in `pg/` below it. */
  readonly state: string
  readonly clock: Clock
  readonly log: Log
  /** Of the server, where what fits a laptop does not fit. */
  readonly settings?: Settings
}

const READY_LIMIT_MS = 120_000
const READY_LOOK_MS = 10
const STOP_LIMIT_MS = 10_000
const INITDB_LIMIT_MS = 120_000
const RESTARTS_MAX = 5
const RESTART_FIRST_MS = 50
const RESTART_MOST_MS = 5_000
const CALM_MS = 60_000
/** Nothing of ours reaches the server: neither secrets nor settings of libpq. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' }

/**
 * It ignores what a service manager sends to all at once: only the end of its input, or of the server, ends it. A server that is not
 * far enough to hear INT yet, which a shell has what it starts ignore, is ended by USR2; later it takes no notice of that one.
 */
export const GUARD = `trap '' TERM INT HUP
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ read -r _; kill -USR2 "$server"; kill -INT "$server"; } <&3 2>/dev/null &
reader=$!
wait "$server"
code=$?
kill -KILL "$reader" 2>/dev/null
exit "$code"`

const run = promisify(execFile)

export async function startEmbedded({ state, clock, log, settings: more = {} }: Options): Promise<Embedded> {
  const { place, servant } = await prepare(state)
  const files = await postgresFiles(place.folder)
  if (!existsSync(place.data)) await initialise(place, files, servant)
  await refuseOtherMajor(place.data, files)
  await ownByServant(place, servant)

  const url = await urlOf(place)
  const serverLog = boundedLog(join(place.folder, 'server.log'))
  const launch = () => startOnce({ place, files, servant, url, more, clock, log, serverLog })
  return supervised(await launch(), { url, clock, log, launch, lastWords: serverLog.tail })
}

interface Supervision {
  readonly url: string
  readonly clock: Clock
  readonly log: Log
  readonly launch: () => Promise<Server>
  readonly lastWords: () => string
}

function supervised(first: Server, { url, clock, log, launch, lastWords }: Supervision): Embedded {
  const given = Promise.withResolvers<string>()
  const ended = new AbortController()
  let server = first
  let closing: Promise<void> | null = null

  const again = async (failuresBefore: number): Promise<number> => {
    for (let failures = failuresBefore + 1; failures <= RESTARTS_MAX; failures += 1) {
      await clock.sleep(exponentialMs(failures, RESTART_FIRST_MS, RESTART_MOST_MS), ended.signal)
      if (ended.signal.aborted) return failures
      try {
        server = await launch()
        log.info('Postgres runs again', { pid: server.pid })
        return failures
      } catch (error) {
        log.warn('Postgres could not be started again', { error: messageOf(error) })
      }
    }
    given.resolve(`Postgres died ${RESTARTS_MAX} times in a row: ${lastWords()}`)
    return Number.POSITIVE_INFINITY
  }

  const keep = async (): Promise<void> => {
    let failures = 0
    while (Number.isFinite(failures)) {
      const startedAt = clock.elapsedMs()
      const code = await server.exited
      if (ended.signal.aborted) return
      log.error('Postgres died', { code, said: lastWords() })
      failures = await again(clock.elapsedMs() - startedAt > CALM_MS ? 0 : failures)
      // Closed while it was starting: what was started last must not be left behind.
      if (ended.signal.aborted) return server.stop()
    }
  }
  const kept = keep()

  const close = async (): Promise<void> => {
    ended.abort()
    await server.stop()
    await kept
  }
  return {
    url,
    pid: () => server.pid,
    onExit: (listener) => void given.promise.then(listener),
    close: () => (closing ??= close()),
  }
}

interface Server {
  readonly pid: number
  readonly exited: Promise<number>
  stop(): Promise<void>
}

interface Launch {
  readonly place: Place
  readonly files: PostgresFiles
  readonly servant: Servant
  readonly url: string
  readonly more: Settings
  readonly clock: Clock
  readonly log: Log
  readonly serverLog: BoundedLog
}

async function startOnce(launch: Launch): Promise<Server> {
  const { place, files, servant, url, more, clock, log, serverLog } = launch
  await clearTheWay(place, { clock, log, processes })
  const program = [join(files.bin, 'postgres'), '-D', place.data, ...settings(place, files.major, url, more)]
  const [command = '/bin/sh', ...given] = [...servant.prefix, '/bin/sh', '-c', GUARD, GUARD_NAME, ...program]
  const child = spawn(command, given, {
    ...servant.ids,
    cwd: place.data,
    env: ENVIRONMENT,
    // Its own session: a Ctrl-C in the terminal is for us, and we stop it when nobody needs it any more.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => {})
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => serverLog.write(chunk))
  const exited = exitOf(child)
  let ended = false
  void exited.then(() => (ended = true))

  const stop = async (): Promise<void> => {
    child.stdin.end()
    const late = new AbortController()
    await Promise.race([exited, clock.sleep(STOP_LIMIT_MS, late.signal)])
    late.abort()
    if (!ended) await stopAtOnce(place, clock)
  }

  const startedAt = clock.elapsedMs()
  const becomesReady = async (): Promise<number> => {
    while (!(await canConnect(url))) {
      if (ended) throw new Misconfigured(`Postgres does not start: ${serverLog.tail() || `exit code ${await exited}`}${servant.hint}`)
      if (clock.elapsedMs() - startedAt > READY_LIMIT_MS) {
        throw new Transient(`Postgres was not ready within ${READY_LIMIT_MS / 1000} s: ${serverLog.tail()}`)
      }
      await clock.sleep(READY_LOOK_MS)
    }
    const pid = await postmasterOf(place.data, processes)
    if (pid === null) throw new Transient('Postgres ended as soon as it was ready')
    return pid
  }
  try {
    const pid = await becomesReady()
    log.debug('Postgres is ready', { pid, tookMs: Math.round(clock.elapsedMs() - startedAt) })
    return { pid, exited, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function stopAtOnce(place: Place, clock: Clock): Promise<void> {
  const pid = await postmasterOf(place.data, processes)
  if (pid === null) return
  process.kill(pid, 'SIGQUIT')
  await gone(pid, { clock, processes }, STOP_LIMIT_MS)
}

const exitOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) => {
    child.once('error', () => resolve(127))
    child.once('exit', (code) => resolve(code ?? 128))
  })

/** Complete or not at all: made beside its place, and moved there at the end. */
async function initialise(place: Place, files: PostgresFiles, servant: Servant): Promise<void> {
  const unfinished = `${place.data}.${randomSuffix()}`
  const passwordFile = join(place.run, 'initial-password')
  try {
    await mkdir(unfinished, { mode: 0o700 })
    const password = await newPassword(place)
    await writeFile(passwordFile, password, { mode: 0o600 })
    await giveTo(servant, unfinished, passwordFile)
    const [command = '', ...given] = [
      ...servant.prefix,
      join(files.bin, 'initdb'),
      `--pgdata=${unfinished}`,
      `--username=${DATABASE_USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
    ]
    await run(command, given, { ...servant.ids, cwd: unfinished, env: ENVIRONMENT, timeout: INITDB_LIMIT_MS })
    await rename(unfinished, place.data)
  } catch (error) {
    throw new Misconfigured(`A new database cannot be made in ${place.folder}: ${messageOf(error)}${servant.hint}`, { cause: error })
  } finally {
    await rm(passwordFile, { force: true })
    await rm(unfinished, { recursive: true, force: true })
  }
}

const processes: Processes =
  process.platform === 'linux'
    ? linuxProcesses
    : {
        argumentsOf: (pid) => ps(pid, 'command')?.split(' ') ?? null,
        parentOf: (pid) => Number(ps(pid, 'ppid')) || null,
        workingIn: () => [],
      }

function ps(pid: number, field: 'command' | 'ppid'): string | null {
  const answer = spawnSync('/bin/ps', ['-ww', '-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8', env: ENVIRONMENT })
  return answer.status === 0 ? answer.stdout.trim() : null
}
