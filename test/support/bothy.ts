import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { COMPILED } from './compiled.ts'
import { until } from './until.ts'

/** The program as a user has it: processes, a state folder, a folder of YAML, and what they print. */

export const root = resolve(import.meta.dirname, '../..')
const PROGRAM = join(root, 'cli', 'main.ts')

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Up {
  readonly pid: number
  output(): string
  /** Sends the signal and answers the exit code. */
  end(signal?: NodeJS.Signals): Promise<number>
  exited(): number | null
}

export interface Home {
  readonly state: string
  readonly folder: string
  up(...args: string[]): Promise<Up>
  run(args: readonly string[], input?: string): Promise<Ran>
  json<T>(...args: string[]): Promise<T>
  /** Everything of Bothy's own that runs for this state folder: pids by what they are. */
  processes(): { readonly pid: number; readonly command: string }[]
}

/** A fresh state folder, and a folder with a copy of the first example. Ends every process and machine after the test. */
export function temporaryHome(more: Readonly<Record<string, string>> = {}): Home {
  const base = mkdtempSync(join(tmpdir(), 'bothy-flow-'))
  const state = join(base, 'state')
  const folder = join(base, 'declared')
  mkdirSync(folder)
  cpSync(join(root, 'examples', '01-first-workspace'), folder, { recursive: true })
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: base,
    BOTHY_STATE: state,
    NO_COLOR: '1',
    LANG: 'C.UTF-8',
    BOTHY_USER: 'ada',
    ...COMPILED,
    ...more,
  }
  const running = new Set<Promise<unknown>>()
  const ups: { readonly child: ChildProcess; readonly done: Promise<number> }[] = []

  const processes = () => processesMentioning(base)

  onTestFinished(async () => {
    for (const { child, done } of ups) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await done
    }
    await endAllOf(base)
    await Promise.all(running)
    rmSync(base, { recursive: true, force: true })
  })

  const run = (args: readonly string[], input = ''): Promise<Ran> => {
    const done = ran(spawn(process.execPath, [PROGRAM, ...args], { env, cwd: base }), input)
    running.add(done)
    return done
  }

  return {
    state,
    folder,
    processes,
    run,
    async json<T>(...args: string[]): Promise<T> {
      const { code, stdout, stderr } = await run([...args, '-o', 'json'])
      if (code !== 0) throw new Error(`bothy ${args.join(' ')} exited ${code}: ${stderr}`)
      return JSON.parse(stdout) as T
    },
    async up(...args) {
      const child = spawn(process.execPath, [PROGRAM, 'up', folder, '--port', '0', ...args], { env, cwd: base })
      let output = ''
      child.stdout.on('data', (data: Buffer) => (output += data.toString()))
      child.stderr.on('data', (data: Buffer) => (output += data.toString()))
      const done = new Promise<number>((settle) => child.on('exit', (code, signal) => settle(signal ? 128 : (code ?? 1))))
      ups.push({ child, done })
      await until('bothy up to answer or to end', () => output.includes('bothy is up') || child.exitCode !== null, { limitMs: 180_000 })
      return {
        pid: child.pid ?? 0,
        output: () => output,
        exited: () => child.exitCode,
        end: async (signal = 'SIGINT') => {
          child.kill(signal)
          return done
        },
      }
    },
  }
}

function ran(child: ChildProcess, input: string): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()))
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  return new Promise((settle) => child.on('close', (code) => settle({ code: code ?? 128, stdout, stderr })))
}

/** By what /proc says, so that nothing is found or ended that does not carry this test's own folder. */
export function processesMentioning(text: string): { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = readQuietly(`/proc/${name}/cmdline`).replaceAll('\0', ' ')
      const environment = readQuietly(`/proc/${name}/environ`)
      return command && (command.includes(text) || environment.includes(text)) ? [{ pid: Number(name), command: command.trim() }] : []
    })
}

/** What a Postgres has at work carries no folder. It works in one, and writes there on after its server was killed. */
const workingBelow = (folder: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && workingFolder(name).startsWith(`${folder}/`))
    .map(Number)

/** So that nobody writes there any more: it can be removed. */
export async function endAllOf(folder: string): Promise<void> {
  await until(
    'everything of this folder to end',
    () => {
      const left = [...processesMentioning(folder).map(({ pid }) => pid), ...workingBelow(folder)]
      for (const pid of left) killQuietly(pid)
      return left.length === 0
    },
    { everyMs: 50 },
  )
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

export function killQuietly(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}
