import { randomUUID } from 'node:crypto'
import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shortUid } from '../kernel/names.ts'

/** Where the things of a machine lie below the state folder, and what is written down about it. */

export interface Place {
  /** `bothy-<workspace>-<name>`: names the folder, the lock and the mark in the environment. */
  readonly machine: string
  readonly folder: string
  readonly record: string
  readonly token: string
  readonly log: string
  readonly lock: string
}

const MACHINE = /^bothy-[a-z0-9]{1,8}-[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/

export const machineName = (workspaceUid: string, name: string): string => `bothy-${shortUid(workspaceUid)}-${name}`

export function placeOf(stateDir: string, machine: string): Place {
  if (!MACHINE.test(machine)) throw new Error(`"${machine}" is no name of a machine`)
  const folder = join(stateDir, 'machines', machine)
  return {
    machine,
    folder,
    record: join(folder, 'record.json'),
    token: join(folder, 'token'),
    log: join(folder, 'agent.log'),
    lock: `${folder}.lock`,
  }
}

export const workspaceFolder = (stateDir: string, workspaceUid: string): string => join(stateDir, 'workspaces', workspaceUid)

export async function machinesIn(stateDir: string): Promise<readonly Place[]> {
  const entries = await readdir(join(stateDir, 'machines'), { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory() && MACHINE.test(entry.name)).map((entry) => placeOf(stateDir, entry.name))
}

/** Written before the process is started, and again with the process: a crash in between leaves a trace to look for. */
export interface MachineRecord {
  readonly workspace: { readonly uid: string; readonly name: string; readonly owner: string }
  readonly agentId: string
  /** Digest of everything the process was started with; the values themselves may be secret. */
  readonly inputs: string
  readonly home: string
  readonly process: { readonly pid: number; readonly start: string; readonly startedAt: string } | null
}

const FILE_MODE = 0o600

/** Whole or not at all. */
export async function writePrivate(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  try {
    await writeFile(draft, text, { mode: FILE_MODE })
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

export const writeRecord = (place: Place, record: MachineRecord): Promise<void> =>
  writePrivate(place.record, `${JSON.stringify(record, null, 2)}\n`)

/** null: there is none, or it is damaged, which is as good as none: the machine itself is looked for then. */
export async function readRecord(place: Place): Promise<MachineRecord | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(place.record, 'utf8'))
    return isRecord(parsed) ? parsed : null
  } catch {
    return null
  }
}

const has = <Name extends string>(value: unknown, ...names: readonly Name[]): value is Record<Name, unknown> =>
  typeof value === 'object' && value !== null && names.every((name) => name in value)

const isText = (value: unknown): value is string => typeof value === 'string'

function isRecord(value: unknown): value is MachineRecord {
  if (!has(value, 'workspace', 'agentId', 'inputs', 'home', 'process')) return false
  const { workspace, agentId, inputs, home, process } = value
  const plain = [agentId, inputs, home].every(isText) && has(workspace, 'uid', 'name', 'owner') && Object.values(workspace).every(isText)
  return (
    plain &&
    (process === null ||
      (has(process, 'pid', 'start', 'startedAt') && typeof process.pid === 'number' && isText(process.start) && isText(process.startedAt)))
  )
}
