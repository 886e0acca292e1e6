import { readFile, realpath, rm } from 'node:fs/promises'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../kernel/clock.ts'
import { Misconfigured } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'

/** The name under which the guard of a server runs: `$0` of its shell. */
export const GUARD_NAME = 'bothy-postgres-guard'

export interface Processes {
  /** Its arguments, or null when there is no such process. */
  argumentsOf(pid: number): readonly string[] | null
  parentOf(pid: number): number | null
  /** Those whose working folder it is, where that can be told. */
  workingIn(folder: string): readonly number[]
}

interface Options {
  readonly clock: Clock
  readonly log: Log
  readonly processes: Processes
}

/** Its guard notices at once that the owner is gone, or as soon as a busy machine lets it; then the stop itself takes time. */
const GUARD_LIMIT_MS = 5_000
const FAST_LIMIT_MS = 10_000
const IMMEDIATE_LIMIT_MS = 5_000
/** It says that it stops, and writes what is left to a disk that may be busy with what others write. */
const STOPPING_LIMIT_MS = 60_000

const SOCKET_LOCK = '.s.PGSQL.5432.lock'

export const linuxProcesses: Processes = {
  argumentsOf: (pid) => readOrNull(`/proc/${pid}/cmdline`)?.split('\0').filter(Boolean) ?? null,
  parentOf(pid) {
    const stat = readOrNull(`/proc/${pid}/stat`)
    // The name of a program is in parentheses and may hold anything; the parent is the second field after it.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields ? Number(fields[1]) : null
  },
  workingIn: (folder) =>
    namesIn('/proc')
      .filter((name) => /^\d+$/.test(name) && workingFolder(name) === folder)
      .map(Number),
}

/** The pid of the server that runs on `data`, or null. A pid that belongs to another program is nobody's server. */
export async function postmasterOf(data: string, processes: Processes): Promise<number | null> {
  const pid = Number((await lockFile(data))[0])
  if (!Number.isSafeInteger(pid) || pid <= 1) return null
  const given = processes.argumentsOf(pid)
  return given?.includes(data) && given[0]?.endsWith('postgres') ? pid : null
}

const lockFile = async (data: string): Promise<readonly string[]> =>
  (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')

/** The eighth line is what the server says of itself. */
const isStopping = async (data: string): Promise<boolean> => (await lockFile(data))[7]?.trim() === 'stopping'

/**
 * Before a start: nothing may run on these data any more. A server whose guard lives belongs to somebody; after that
 * one died it stops by itself in a moment. One without a guard is an orphan, and stopped here. Foreign pids are left alone.
 */
export async function clearTheWay({ data, run }: { readonly data: string; readonly run: string }, options: Options): Promise<void> {
  const place = await realpath(data)
  const pid = await postmasterOf(place, options.processes)
  if (pid !== null) await (isGuarded(pid, options.processes) ? leftToItsGuard(pid, place, options) : stopOrphan(pid, place, options))
  await endForsaken(place, options)
  // Left by a server that died with its machine. Postgres would refuse to start if a pid in them is in use again, as in a container,
  // where pids are given anew in the same order each time.
  await rm(join(place, 'postmaster.pid'), { force: true })
  await rm(join(run, SOCKET_LOCK), { force: true })
}

/** What a server that was killed had at work may go on for long, and no other server is let begin meanwhile. */
async function endForsaken(data: string, { clock, log, processes }: Options): Promise<void> {
  const isForsaken = (pid: number): boolean =>
    processes.argumentsOf(pid)?.[0]?.startsWith('postgres: ') === true &&
    processes.argumentsOf(processes.parentOf(pid) ?? 0)?.includes(data) !== true
  const told = new Set<number>()
  const startedAt = clock.elapsedMs()
  for (;;) {
    const left = processes.workingIn(data).filter(isForsaken)
    if (left.length === 0 || clock.elapsedMs() - startedAt > FAST_LIMIT_MS) return
    for (const pid of left) if (!told.has(pid)) quit(pid)
    if (told.size === 0) log.warn('ending what a Postgres that was killed had at work', { pids: left, data })
    for (const pid of left) told.add(pid)
    await clock.sleep(10)
  }
}

function quit(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT')
  } catch {
    // It ended by itself.
  }
}

async function leftToItsGuard(pid: number, data: string, { clock, processes }: Options): Promise<void> {
  if (await gone(pid, { clock, processes }, GUARD_LIMIT_MS)) return
  if ((await isStopping(data)) && (await gone(pid, { clock, processes }, STOPPING_LIMIT_MS))) return
  throw new Misconfigured(`Another process of Bothy is using ${data} (Postgres has pid ${pid}). Stop it first, or use another --state.`)
}

function isGuarded(pid: number, processes: Processes): boolean {
  const parent = processes.parentOf(pid)
  return parent !== null && processes.argumentsOf(parent)?.includes(GUARD_NAME) === true
}

async function stopOrphan(pid: number, data: string, { clock, log, processes }: Options): Promise<void> {
  log.warn('stopping a Postgres whose owner died', { pid, data })
  process.kill(pid, 'SIGINT')
  if (await gone(pid, { clock, processes }, FAST_LIMIT_MS)) return
  process.kill(pid, 'SIGQUIT')
  if (await gone(pid, { clock, processes }, IMMEDIATE_LIMIT_MS)) return
  throw new Misconfigured(`A Postgres left over from an earlier run (pid ${pid}, data in ${data}) does not stop. End it, then start again.`)
}

export async function gone(pid: number, { clock, processes }: Pick<Options, 'clock' | 'processes'>, limitMs: number): Promise<boolean> {
  const startedAt = clock.elapsedMs()
  // A dead one that nobody has waited for keeps its pid, but no arguments.
  while (processes.argumentsOf(pid)?.length) {
    if (clock.elapsedMs() - startedAt > limitMs) return false
    await clock.sleep(10)
  }
  return true
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function workingFolder(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return null
  }
}
