import { execFile, spawn } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ProcessMachines, ProcessSeen, ProcessWanted } from '../../provider/port.ts'
import { toIso, type Clock } from '../kernel/clock.ts'
import { Transient } from '../kernel/errors.ts'
import { makeFolder } from '../kernel/folders.ts'
import type { Log } from '../kernel/log.ts'
import { sha256 } from '../kernel/names.ts'
import { startOf } from '../kernel/pids.ts'
import { endAll, leaderOf, type Leader } from './group.ts'
import { locked } from './lock.ts'
import { rotateLog, tailOf, trimLog } from './machine-log.ts'
import { ageMs, fromProc, fromPs, type ProcessListed } from './processes.ts'
import {
  machineName,
  machinesIn,
  placeOf,
  readRecord,
  workspaceFolder,
  writePrivate,
  writeRecord,
  type MachineRecord,
  type Place,
} from './record.ts'

/**
 * A machine that is a process group: `sh supervise.sh` leads a session of its own and keeps an agent running. It outlives whoever
 * started it, and is found again by its record or, when that is lost, by the mark in its environment.
 */

const SUPERVISOR = fileURLToPath(new URL('../../agent/supervise.sh', import.meta.url))
const PS_LIMIT_MS = 5000
const PS_BYTES_MAX = 16 * 1024 * 1024

export interface ProcessMachinesOptions {
  readonly stateDir: string
  readonly workspace: { readonly uid: string; readonly name: string; readonly owner: string }
  /** A file whose first line says where the control plane is. */
  readonly urlFile: string
  readonly clock: Clock
  readonly log: Log
  readonly agentOf: (agentId: string) => { readonly token: string; readonly name?: string } | undefined
  readonly command: { readonly node: string; readonly script: string }
  /** The environment of whoever runs this; only what is on the list below reaches the machine. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

const INHERITED = ['PATH', 'USER', 'LANG', 'TERM', 'SHELL'] as const

const onLinux = process.platform === 'linux'

const listProcesses = async (): Promise<readonly ProcessListed[]> => {
  if (onLinux) return fromProc()
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,pgid=,state=,lstart='], {
    timeout: PS_LIMIT_MS,
    maxBuffer: PS_BYTES_MAX,
  })
  return fromPs(stdout)
}

export function processMachines(options: ProcessMachinesOptions): ProcessMachines {
  const { stateDir, workspace, clock, log } = options
  const place = (name: string) => placeOf(stateDir, machineName(workspace.uid, name))

  const start = async (at: Place, wanted: ProcessWanted, home: string): Promise<ProcessSeen> => {
    const agent = options.agentOf(wanted.agentId)
    if (!agent) throw new Error(`agent ${wanted.agentId} is not one of this build: agent_id must be the id of a bothy_agent or coder_agent`)
    makeFolder(at.folder)
    makeFolder(home)
    await writePrivate(at.token, `${agent.token}\n`)
    const record: MachineRecord = { workspace, agentId: wanted.agentId, inputs: inputsOf(wanted, home), home, process: null }
    await writeRecord(at, record)
    const env = environmentFor(options, at, wanted, home, agent.name)
    const leader = await launch(at, options.command, env, home)
    const startedAt = toIso(clock.now() - (ageMs(leader) ?? 0))
    await writeRecord(at, { ...record, process: { pid: leader.pid, start: leader.start, startedAt } })
    log.info('machine started', { machine: at.machine, pid: leader.pid })
    return { pid: leader.pid, startedAt, home }
  }

  const end = async (at: Place) => {
    const ended = await endAll(at, await readRecord(at), { clock, listProcesses })
    if (ended > 0) log.info('machine ended', { machine: at.machine, processes: ended })
  }

  /** Whatever is left of a machine before goes first, so that there is never a second one. */
  const replace = async (wanted: ProcessWanted): Promise<ProcessSeen> => {
    const at = place(wanted.name)
    await end(at)
    return start(at, wanted, homeOf(options, wanted))
  }

  const underLock = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    makeFolder(`${stateDir}/machines`)
    return locked(place(name).lock, clock, work)
  }

  return {
    async observe(name) {
      const at = place(name)
      const leader = await leaderOf(at, SUPERVISOR, listProcesses)
      if (!leader) return null
      await trimLog(at.log)
      return seenOf(leader, clock)
    },
    create: (wanted) =>
      underLock(wanted.name, async () => {
        const at = place(wanted.name)
        const leader = await leaderOf(at, SUPERVISOR, listProcesses)
        const home = homeOf(options, wanted)
        if (!leader || !runs(leader, wanted, home)) return replace(wanted)
        const seen = seenOf(leader, clock)
        const { pid, start: startOfLeader } = leader.listed
        await writeRecord(at, {
          workspace,
          agentId: wanted.agentId,
          inputs: inputsOf(wanted, home),
          home,
          process: { pid, start: startOfLeader, startedAt: seen.startedAt },
        })
        log.info('machine adopted', { machine: at.machine, pid })
        return { ...seen, home }
      }),
    update: (wanted) => underLock(wanted.name, () => replace(wanted)),
    destroy: (name, { removeHome }) =>
      underLock(name, async () => {
        const at = place(name)
        await end(at)
        await rm(at.folder, { recursive: true, force: true })
        if (removeHome) await forgetWorkspace(stateDir, workspace.uid)
      }),
  }
}

/** What the workspace kept across its stops. Its machines must have ended. */
const forgetWorkspace = (stateDir: string, workspaceUid: string): Promise<void> =>
  rm(workspaceFolder(stateDir, workspaceUid), { recursive: true, force: true })

export interface MachineListed {
  readonly machine: string
  readonly workspace: MachineRecord['workspace'] | null
  readonly pid: number
  readonly startedAt: string
}

/** The machines that run, whoever started them. */
export async function listMachines(stateDir: string, clock: Clock): Promise<readonly MachineListed[]> {
  const listed = await Promise.all(
    (await machinesIn(stateDir)).map(async (at) => {
      const leader = await leaderOf(at, SUPERVISOR, listProcesses)
      if (!leader) return []
      const { pid, startedAt } = seenOf(leader, clock)
      return [{ machine: at.machine, workspace: leader.record?.workspace ?? null, pid, startedAt }]
    }),
  )
  return listed.flat()
}

/** Ends one machine without asking its build: for `bothy down`. What it kept stays. */
export async function endMachine(stateDir: string, machine: string, clock: Clock): Promise<void> {
  const at = placeOf(stateDir, machine)
  await locked(at.lock, clock, async () => {
    await endAll(at, await readRecord(at), { clock, listProcesses })
    await rm(at.record, { force: true })
    await rm(at.token, { force: true })
  })
}

const homeOf = ({ stateDir, workspace }: ProcessMachinesOptions, wanted: ProcessWanted): string =>
  wanted.home ?? `${workspaceFolder(stateDir, workspace.uid)}/home`

const inputsOf = (wanted: ProcessWanted, home: string): string =>
  sha256(JSON.stringify([wanted.agentId, home, wanted.shell, Object.entries(wanted.env).sort(([a], [b]) => (a < b ? -1 : 1))]))

/** Without a record its own environment tells what it was started with. */
function runs({ record, environment }: Leader, wanted: ProcessWanted, home: string): boolean {
  if (record) return record.inputs === inputsOf(wanted, home)
  const wants = { ...wanted.env, HOME: home, BOTHY_AGENT_ID: wanted.agentId, ...(wanted.shell ? { SHELL: wanted.shell } : {}) }
  return Object.entries(wants).every(([name, value]) => environment?.get(name) === value)
}

function seenOf({ listed, record, environment }: Leader, clock: Clock): ProcessSeen {
  return {
    pid: listed.pid,
    home: record?.home ?? environment?.get('HOME') ?? '',
    startedAt: record?.process?.startedAt ?? toIso(clock.now() - (ageMs(listed) ?? 0)),
  }
}

function environmentFor(
  { stateDir, workspace, urlFile, environment }: ProcessMachinesOptions,
  at: Place,
  wanted: ProcessWanted,
  home: string,
  agentName: string | undefined,
): Record<string, string> {
  const inherited = Object.fromEntries(INHERITED.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])))
  const { username, shell } = userInfo()
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    USER: username,
    SHELL: shell ?? '/bin/sh',
    ...inherited,
    ...wanted.env,
    ...(wanted.shell ? { SHELL: wanted.shell } : {}),
    HOME: home,
    BOTHY_MACHINE: at.machine,
    BOTHY_AGENT_ID: wanted.agentId,
    BOTHY_AGENT_TOKEN_FILE: at.token,
    BOTHY_URL_FILE: urlFile,
    // The agent starts in half the time and stays a fifth smaller; it hides this from what it starts.
    NODE_COMPILE_CACHE: `${stateDir}/compile-cache`,
    BOTHY_WORKSPACE_NAME: workspace.name,
    BOTHY_WORKSPACE_OWNER: workspace.owner,
    CODER_WORKSPACE_NAME: workspace.name,
    CODER_WORKSPACE_OWNER: workspace.owner,
    CODER_WORKSPACE_OWNER_NAME: workspace.owner,
    ...(agentName ? { BOTHY_AGENT_NAME: agentName, CODER_WORKSPACE_AGENT_NAME: agentName } : {}),
  }
}

/** Nothing ties the child to this process: a session of its own, its output in a file, and no handle that keeps us alive. */
async function launch(
  at: Place,
  { node, script }: ProcessMachinesOptions['command'],
  env: Record<string, string>,
  cwd: string,
): Promise<ProcessListed> {
  await rotateLog(at.log)
  const output = await open(at.log, 'a', 0o600)
  try {
    const child = spawn('/bin/sh', [SUPERVISOR, node, script], { cwd, env, detached: true, stdio: ['ignore', output.fd, output.fd] })
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('spawn', resolve)
    })
    child.unref()
    const pid = child.pid ?? 0
    const listed = onLinux ? { pid, group: pid, start: startOf(pid) ?? '' } : (await listProcesses()).find((each) => each.pid === pid)
    if (!listed?.start) throw new Transient(`the machine ended at once: ${await tailOf(at.log)}`)
    return listed
  } finally {
    await output.close()
  }
}
