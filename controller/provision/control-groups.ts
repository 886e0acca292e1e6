import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../kernel/clock.ts'
import { startOf } from '../kernel/pids.ts'

/**
 * Bounds on everything that one build starts, together, kept by the kernel: both versions of control groups. Where this process
 * may not make groups (an ordinary user, most containers) there are none, and limits hold for each process alone.
 */
export interface ControlGroups {
  /** Files that a process writes 0 to, to be in the build's groups from then on. */
  enter(jobId: string): Promise<readonly string[]>
  /** What the build wanted more of than it may have, so far. */
  met(jobId: string): Promise<readonly ('memory' | 'processes')[]>
  /** Ends the groups. Answers what the build wanted more of than it may have. */
  leave(jobId: string): Promise<readonly ('memory' | 'processes')[]>
}

export interface GroupLimits {
  readonly memoryBytes: number
  readonly processes: number
}

interface Hierarchy {
  /** The group that ours are made in. */
  readonly folder: string
  readonly limits: Readonly<Record<string, string>>
  /** Files that count how often a limit was met: `name N` in lines. */
  readonly counters: readonly { readonly file: string; readonly name: string; readonly what: 'memory' | 'processes' }[]
}

/** Where groups would be made, in order of preference; each entry is a set that holds all limits together. */
export function hierarchiesOf(mounts: string, own: string, limits: GroupLimits): readonly (readonly Hierarchy[])[] {
  const mounted = mounts.split('\n').map((line) => line.split(' '))
  const pathOf = (controller: string) =>
    own
      .split('\n')
      .map((line) => line.split(':'))
      .find(([, names = '']) => names.split(',').includes(controller))
      ?.slice(2)
      .join(':')
  const one = (controller: string): string | null => {
    const at = mounted.find(([, , type, options = '']) => type === 'cgroup' && options.split(',').includes(controller))?.[1]
    const path = pathOf(controller)
    return at === undefined || path === undefined ? null : join(at, path)
  }
  const [memory, pids] = [one('memory'), one('pids')]
  const first = memory !== null && pids !== null ? [[memoryOne(memory, limits), pidsOne(pids, limits)]] : []
  const unified = mounted.find(([, , type]) => type === 'cgroup2')?.[1]
  const path = pathOf('')
  if (unified === undefined || path === undefined) return first
  // A group that has processes of its own has no others in it with limits: then the one above, where it is ours.
  const folders = [...new Set([join(unified, path), join(unified, dirname(path))])]
  return [...folders.map((folder) => [both(folder, limits)]), ...first]
}

const memoryOne = (folder: string, { memoryBytes }: GroupLimits): Hierarchy => ({
  folder,
  limits: { 'memory.limit_in_bytes': String(memoryBytes) },
  counters: [{ file: 'memory.oom_control', name: 'oom_kill', what: 'memory' }],
})

const pidsOne = (folder: string, { processes }: GroupLimits): Hierarchy => ({
  folder,
  limits: { 'pids.max': String(processes) },
  counters: [{ file: 'pids.events', name: 'max', what: 'processes' }],
})

const both = (folder: string, { memoryBytes, processes }: GroupLimits): Hierarchy => ({
  folder,
  limits: { 'memory.max': String(memoryBytes), 'memory.swap.max': '0', 'pids.max': String(processes) },
  counters: [
    { file: 'memory.events', name: 'oom_kill', what: 'memory' },
    { file: 'pids.events', name: 'max', what: 'processes' },
  ],
})

const PREFIX = 'bothy-build-'
const LEAVE_TRIES = 50
const LEAVE_AGAIN_MS = 20

/** null: this process may not. */
export async function controlGroups(clock: Clock, limits: GroupLimits): Promise<ControlGroups | null> {
  try {
    const [mounts, own] = await Promise.all([readFile('/proc/self/mounts', 'utf8'), readFile('/proc/self/cgroup', 'utf8')])
    for (const hierarchies of hierarchiesOf(mounts, own, limits)) {
      const groups = groupsIn(clock, hierarchies)
      if (await works(groups, hierarchies)) return groups
    }
  } catch {
    // No /proc, or no control groups in this kernel.
  }
  return null
}

async function works(groups: ControlGroups, hierarchies: readonly Hierarchy[]): Promise<boolean> {
  try {
    for (const { folder, limits } of hierarchies) {
      if ('memory.max' in limits) await writeFile(join(folder, 'cgroup.subtree_control'), '+memory +pids')
      await removeOld(folder)
    }
    await groups.enter('probe')
    return true
  } catch {
    return false
  } finally {
    await groups.leave('probe').catch(() => {})
  }
}

/** Of provisioners that died; a group with processes in it cannot be removed. */
async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]
    if (pid !== undefined && startOf(Number(pid)) === null) await rmdir(join(folder, name)).catch(() => {})
  }
}

function groupsIn(clock: Clock, hierarchies: readonly Hierarchy[]): ControlGroups {
  const folderOf = ({ folder }: Hierarchy, jobId: string) => join(folder, `${PREFIX}${process.pid}-${jobId}`)
  const metOf: ControlGroups['met'] = async (jobId) => {
    const met = new Set<'memory' | 'processes'>()
    for (const hierarchy of hierarchies) {
      for (const { file, name, what } of hierarchy.counters) {
        const text = await readFile(join(folderOf(hierarchy, jobId), file), 'utf8').catch(() => '')
        if (Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0) > 0) met.add(what)
      }
    }
    return [...met]
  }
  return {
    async enter(jobId) {
      const files: string[] = []
      for (const hierarchy of hierarchies) {
        const folder = folderOf(hierarchy, jobId)
        await mkdir(folder, { recursive: true })
        for (const [name, value] of Object.entries(hierarchy.limits)) {
          await writeFile(join(folder, name), value).catch((error: unknown) => {
            // Kernels without swap accounting have no file for it.
            if (!name.includes('swap')) throw error
          })
        }
        files.push(join(folder, 'cgroup.procs'))
      }
      return files
    },
    met: metOf,
    async leave(jobId) {
      const met = await metOf(jobId)
      for (const hierarchy of hierarchies) {
        const folder = folderOf(hierarchy, jobId)
        // What it started is ended by the kernel, which may take a moment.
        for (let tries = 0; tries < LEAVE_TRIES; tries += 1) {
          const gone = await rmdir(folder).then(
            () => true,
            (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT',
          )
          if (gone) break
          await clock.sleep(LEAVE_AGAIN_MS)
        }
      }
      return met
    },
  }
}
