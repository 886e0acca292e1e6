import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { ExecExit } from './protocol.ts'
import type { OutputKind } from './output-ring.ts'

/** A process that somebody asked for, with or without a terminal. */
export interface Running {
  readonly pid: number
  onOutput(listener: (kind: OutputKind, data: Buffer) => void): void
  /** Its output was read to the end, or nobody will close it: `pipesLeftOpen`. */
  readonly ended: Promise<Ended>
  pause(): void
  resume(): void
  /** Resolves when the process has been given the bytes, or will never take them. */
  write(data: Buffer): Promise<void>
  endInput(): void
  resize(cols: number, rows: number): void
  /** To the process and everything in its group. */
  signal(name: NodeJS.Signals): void
}

export interface Ended extends ExecExit {
  /** Something it started still holds its output open. */
  readonly pipesLeftOpen: boolean
}

export interface Spawn {
  readonly argv: readonly [string, ...string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly stdin: boolean
  /** How long open pipes are waited for after the process itself ended. */
  readonly pipesLimit: (ended: () => void) => void
}

export interface Piped extends Running {
  readonly control: Writable | null
  /** Closes its pipes: it may go on, and has nobody to talk to. */
  leave(): void
}

/** The one place of the agent that starts processes. Each leads a group of its own, so that a signal reaches all of it. */
export function spawnPiped({ argv, cwd, env, stdin, pipesLimit }: Spawn, control = false): Piped {
  const [program, ...args] = argv
  const child = spawn(program, args, {
    cwd,
    env,
    detached: true,
    stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', ...(control ? (['pipe'] as const) : [])],
  })
  const outputs = [
    ['stdout', child.stdout],
    ['stderr', child.stderr],
  ] as const
  const input = child.stdin
  input?.on('error', () => {})
  const side = child.stdio[3]
  const controlPipe = side && 'write' in side ? side : null
  controlPipe?.on('error', () => {})

  return {
    pid: child.pid ?? 0,
    control: controlPipe,
    leave: () => [input, child.stdout, child.stderr].forEach((pipe) => pipe?.destroy()),
    ended: endOf(child, pipesLimit),
    onOutput: (listener) => {
      for (const [kind, output] of outputs) output?.on('data', (data: Buffer) => listener(kind, data))
    },
    pause: () => outputs.forEach(([, output]) => output?.pause()),
    resume: () => outputs.forEach(([, output]) => output?.resume()),
    write: (data) => written(input, data),
    endInput: () => void input?.end(),
    resize: () => {},
    signal: (name) => signalGroup(child.pid, name),
  }
}

export function written(input: Writable | null, data: Buffer): Promise<void> {
  if (!input || input.destroyed || input.writableEnded) return Promise.resolve()
  return new Promise((resolve) => input.write(data, () => resolve()))
}

export function signalGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (!pid) return
  try {
    process.kill(-pid, name)
  } catch {
    // It is gone, and so is its group.
  }
}

export function groupLives(pid: number): boolean {
  try {
    return process.kill(-pid, 0)
  } catch {
    return false
  }
}

function endOf(child: ChildProcess, pipesLimit: Spawn['pipesLimit']): Promise<Ended> {
  return new Promise((resolve) => {
    let exit: ExecExit = { code: 127, signal: null }
    child.on('error', () => resolve({ ...exit, pipesLeftOpen: false }))
    child.on('close', () => resolve({ ...exit, pipesLeftOpen: false }))
    child.on('exit', (code, signal) => {
      exit = exitOf(code, signal)
      pipesLimit(() => resolve({ ...exit, pipesLeftOpen: stillOpen(child.stdout) || stillOpen(child.stderr) }))
    })
  })
}

const stillOpen = (output: Readable | null): boolean => output !== null && !output.readableEnded && !output.destroyed

export const exitOf = (code: number | null, signal: NodeJS.Signals | null): ExecExit => ({
  code: code ?? (signal ? 128 + (constants.signals[signal] ?? 0) : 1),
  signal,
})

export const isSignal = (name: string): name is NodeJS.Signals => name in constants.signals

export const signalNumbered = (number: number): NodeJS.Signals | null =>
  Object.keys(constants.signals).find((name): name is NodeJS.Signals => isSignal(name) && constants.signals[name] === number) ?? null
