import { PassThrough } from 'node:stream'
import { runExec, type Exec } from '../../cli/exec.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import type { Made } from './world.ts'

/** Somebody at a shell: what they type, what they see, and the exit code. */
export interface Person {
  readonly stdin: PassThrough
  readonly stdout: () => string
  readonly stderr: () => string
  readonly code: Promise<number>
}

export interface PersonOptions extends Partial<Pick<Exec, 'tty' | 'env' | 'cwd' | 'agent'>> {
  readonly input?: string
  readonly size?: { readonly columns: number; readonly rows: number }
  readonly stdout?: PassThrough
}

export function person(url: string, made: Pick<Made, 'workspace'>, argv: readonly string[], options: PersonOptions = {}): Person {
  const stdin = new PassThrough()
  const stdout = options.stdout ?? new PassThrough()
  const stderr = new PassThrough()
  if (options.size) Object.assign(stdout, options.size)
  const seen = { stdout: '', stderr: '' }
  if (!options.stdout) stdout.setEncoding('utf8').on('data', (text: string) => (seen.stdout += text))
  stderr.setEncoding('utf8').on('data', (text: string) => (seen.stderr += text))
  if (options.input !== undefined) stdin.end(options.input)
  const code = runExec({
    endpoint: async () => ({ url, token: 'secret', from: 'test', ca: null, through: null, isHere: false }),
    namespace: 'default',
    workspace: made.workspace,
    agent: options.agent ?? null,
    argv,
    tty: options.tty ?? false,
    cwd: options.cwd ?? null,
    env: options.env ?? {},
    io: { stdin, stdout, stderr },
    clock: systemClock,
  })
  return { stdin, stdout: () => seen.stdout, stderr: () => seen.stderr, code }
}
