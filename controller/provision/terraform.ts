import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:fs'
import { access, realpath } from 'node:fs/promises'
import { basename, delimiter, isAbsolute, join } from 'node:path'
import { Misconfigured } from '../kernel/errors.ts'
import { startOf } from '../kernel/pids.ts'
import { endUnbegun } from './strays.ts'

/** Terraform or OpenTofu: nothing else in the code knows which one runs. */
export interface Terraform {
  readonly path: string
  readonly name: string
}

const NAMES = ['terraform', 'tofu'] as const

/** The one that was chosen, or the first on the search path. */
export async function findTerraform(chosen: string | null, searchPath: string): Promise<Terraform> {
  const names = chosen ? [chosen] : NAMES
  for (const name of names) {
    const path = await findProgram(name, searchPath)
    if (path) return { path, name: basename(path) }
  }
  const problem = chosen ? `BOTHY_TERRAFORM=${chosen} is not a program` : 'neither terraform nor tofu is on PATH'
  throw new Misconfigured(`${problem}: install Terraform or OpenTofu, or set BOTHY_TERRAFORM to the path of one`)
}

/** The real path of a program, so that a sandbox can show exactly that file; null where there is none. */
export async function findProgram(name: string, searchPath: string): Promise<string | null> {
  const candidates = isAbsolute(name)
    ? [name]
    : searchPath
        .split(delimiter)
        .filter(isAbsolute)
        .map((folder) => join(folder, name))
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK)
      return await realpath(candidate)
    } catch {
      continue
    }
  }
  return null
}

/** A command line that is ready to run, whatever is wrapped around it. */
export interface Launch {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** The wrapper tells on file descriptor 3 which process terraform is; without a wrapper it is the child itself. */
  readonly wrapped: boolean
}

export interface Ended {
  /** null when a signal ended it. */
  readonly code: number | null
  readonly signal: string | null
  /** The end of what it wrote to standard error. */
  readonly stderr: string
}

export interface Process {
  readonly pid: number
  readonly startedAt: string
}

export interface Running {
  /** The process that is terraform, as this machine sees it; null when it ended before that was known. */
  readonly process: Promise<Process | null>
  /** Resolves when it and everything that holds its output is gone. */
  readonly ended: Promise<Ended>
  /** One SIGINT, once, however often it is asked for: a second one makes terraform forget what it is making. */
  interrupt(): void
  /** SIGKILL: only after the grace of an interrupt. */
  kill(): void
}

const LINE_BYTES_MAX = 1024 * 1024
const STDERR_CHARACTERS_MAX = 16 * 1024

/** In a session of its own, or a terminal's Ctrl-C would be a second SIGINT. */
export function startTerraform(launch: Launch, onLine: (line: string) => void): Running {
  const child = spawn(launch.program, launch.args, {
    cwd: launch.cwd,
    env: launch.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', launch.wrapped ? 'pipe' : 'ignore'],
  })
  const process = launch.wrapped ? told(child) : Promise.resolve(seen(child.pid))
  const awake = Promise.withResolvers<void>()
  const stderr: string[] = []
  eachLine(child, (line) => {
    awake.resolve()
    onLine(line)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr.push(text)
    if (stderr.join('').length > STDERR_CHARACTERS_MAX) stderr.splice(0, stderr.length, stderr.join('').slice(-STDERR_CHARACTERS_MAX))
  })

  const ended = new Promise<Ended>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, stderr: error.message }))
    child.once('close', (code, signal) => resolve({ code, signal, stderr: stderr.join('') }))
    child.once('exit', (code) => {
      if (launch.wrapped && code !== 0) endUnbegun(child.spawnargs)
    })
  })
  const signal = async (name: 'SIGINT' | 'SIGKILL') => send(await process, name, launch.wrapped)
  let interrupted = false
  return {
    process,
    ended,
    interrupt() {
      if (interrupted) return
      interrupted = true
      // Before its first line terraform may not listen for signals yet, and the first process of a pid namespace would not get this one.
      void Promise.race([awake.promise, ended]).then(() => signal('SIGINT'))
    },
    kill: () => void signal('SIGKILL'),
  }
}

const seen = (pid: number | undefined): Process | null => {
  const startedAt = pid === undefined ? null : startOf(pid)
  return pid === undefined || startedAt === null ? null : { pid, startedAt }
}

/** What bubblewrap writes about the process it made. */
function told(child: ChildProcess): Promise<Process | null> {
  const pipe = child.stdio[3]
  return new Promise((resolve) => {
    let text = ''
    child.once('close', () => resolve(null))
    child.once('error', () => resolve(null))
    if (!pipe || !('on' in pipe)) return resolve(null)
    pipe.on('error', () => resolve(null))
    pipe.on('data', (data: Buffer) => {
      text += data.toString()
      const pid = /"child-pid": (\d+)/.exec(text)?.[1]
      if (pid) resolve(seen(Number(pid)))
    })
  })
}

/** Only the process that was started, proved by its start time. Bare, it leads a group: its children get the signal too. */
export function send(process: Process | null, signal: 'SIGINT' | 'SIGKILL', alone: boolean): void {
  if (!process || startOf(process.pid) !== process.startedAt) return
  try {
    globalThis.process.kill(alone ? process.pid : -process.pid, signal)
  } catch {
    // It ended in between, which is what the signal was for.
  }
}

/** A line without end is cut: what is beyond its limit is not kept, nor copied again with each piece that arrives. */
function eachLine(child: ChildProcess, onLine: (line: string) => void): void {
  let rest: string[] = []
  let length = 0
  const add = (text: string): void => {
    if (length < LINE_BYTES_MAX) rest.push(text.slice(0, LINE_BYTES_MAX - length))
    length += text.length
  }
  const end = (): void => {
    const line = rest.join('')
    rest = []
    length = 0
    if (line !== '') onLine(line)
  }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = text.split('\n')
    const last = lines.pop() ?? ''
    for (const line of lines) {
      add(line)
      end()
    }
    add(last)
  })
  child.stdout?.once('end', end)
}
