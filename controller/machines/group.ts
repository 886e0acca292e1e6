import type { Clock } from '../kernel/clock.ts'
import { Transient } from '../kernel/errors.ts'
import { startOf } from '../kernel/pids.ts'
import { argumentsOf, environmentOf, type ProcessListed } from './processes.ts'
import { readRecord, type MachineRecord, type Place } from './record.ts'

/** Which processes are a machine, and how they end. A pid alone never decides that. */

export type ListProcesses = () => Promise<readonly ProcessListed[]>

const MARK = 'BOTHY_MACHINE'

const GRACE_MS = 10_000
const TERM_AGAIN_MS = 500
const KILL_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 25

export interface Leader {
  readonly listed: ProcessListed
  /** null when it was lost: the process itself was found. */
  readonly record: MachineRecord | null
  readonly environment: ReadonlyMap<string, string> | null
}

/** The supervisor of this machine, by its record or else by the mark in its environment; null when it does not run. */
export async function leaderOf(place: Place, supervisor: string, list: ListProcesses): Promise<Leader | null> {
  const record = await readRecord(place)
  if (record?.process) {
    const { pid, start } = record.process
    const found = startOf(pid) === 'unknown' ? (await list()).find((each) => each.pid === pid)?.start : startOf(pid)
    if (found === start) return { listed: { pid, group: pid, start }, record, environment: null }
  }
  for (const listed of await list()) {
    if (listed.pid !== listed.group) continue
    const environment = environmentOf(listed.pid)
    // A shell that the agent opened leads a group too, and has the mark; only the supervisor runs this script.
    if (environment?.get(MARK) === place.machine && argumentsOf(listed.pid)[1] === supervisor) return { listed, record: null, environment }
  }
  return null
}

/** Everything that belongs to the machine: its group, and whoever has its mark, wherever it went. */
async function membersOf(place: Place, record: MachineRecord | null, list: ListProcesses): Promise<readonly ProcessListed[]> {
  const listed = await list()
  const marked = new Set<number>()
  for (const { pid } of listed) if (environmentOf(pid)?.get(MARK) === place.machine) marked.add(pid)
  const groups = ownGroups(record, listed, marked)
  return listed.filter(({ pid, group }) => pid !== process.pid && (marked.has(pid) || groups.has(group)))
}

/** A number of a group is not given to another while the group has members, so one that is ours makes the whole group ours. */
function ownGroups(record: MachineRecord | null, listed: readonly ProcessListed[], marked: ReadonlySet<number>): ReadonlySet<number> {
  const leader = record?.process
  if (!leader) return new Set(listed.filter(({ pid, group }) => pid === group && marked.has(pid)).map(({ group }) => group))
  const same = listed.find(({ pid }) => pid === leader.pid)
  const isOurs = same ? same.start === leader.start : listed.some(({ pid, group }) => group === leader.pid && marked.has(pid))
  return new Set(isOurs ? [leader.pid] : [])
}

/**
 * TERM to the supervisor, whose agent runs the stop scripts and ends what it started; TERM to all when it has gone; after ten
 * seconds KILL to whoever is left, until nobody is. Answers how many there were.
 */
export async function endAll(
  place: Place,
  record: MachineRecord | null,
  { clock, listProcesses }: { readonly clock: Clock; readonly listProcesses: ListProcesses },
): Promise<number> {
  const members = () => membersOf(place, record, listProcesses)
  const { length } = await members()
  if (length === 0) return 0
  // Again and again: a process that was just forked may lose a signal, and what is started meanwhile did not get the one before.
  // Stop scripts are members too, and must not be told to end while they run.
  const supervisorFirst = (left: readonly ProcessListed[]) => {
    const supervisor = left.filter(({ pid, start }) => pid === record?.process?.pid && start === record.process.start)
    return supervisor.length > 0 ? supervisor : left
  }
  if (await emptied(members, clock, { name: 'SIGTERM', limitMs: GRACE_MS, againMs: TERM_AGAIN_MS, among: supervisorFirst })) return length
  if (await emptied(members, clock, { name: 'SIGKILL', limitMs: KILL_LIMIT_MS, againMs: 0, among: everybody })) return length
  const left = await members()
  throw new Transient(`${place.machine} does not end: ${left.map(({ pid }) => `process ${pid}`).join(', ')}`)
}

const everybody = (left: readonly ProcessListed[]): readonly ProcessListed[] => left

interface Ending {
  readonly name: 'SIGTERM' | 'SIGKILL'
  readonly limitMs: number
  readonly againMs: number
  readonly among: (left: readonly ProcessListed[]) => readonly ProcessListed[]
}

async function emptied(
  members: () => Promise<readonly ProcessListed[]>,
  clock: Clock,
  { name, limitMs, againMs, among }: Ending,
): Promise<boolean> {
  const startedAt = clock.elapsedMs()
  let signalAt = startedAt
  for (;;) {
    const left = await members()
    if (left.length === 0) return true
    const now = clock.elapsedMs()
    if (now - startedAt > limitMs) return false
    if (now >= signalAt) {
      signal(among(left), name)
      signalAt = now + againMs
    }
    await clock.sleep(LOOK_EVERY_MS)
  }
}

function signal(members: readonly ProcessListed[], name: Ending['name']): void {
  for (const { pid, start } of members) {
    // Between the listing and now it may have ended, and its number may be somebody else's.
    const now = startOf(pid)
    if (now !== start && now !== 'unknown') continue
    try {
      process.kill(pid, name)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
}
