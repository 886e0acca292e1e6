import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { until } from '../../test/support/until.ts'
import { timed } from './bench.ts'
import { killQuietly, type Place } from './place.ts'

export const root = resolve(import.meta.dirname, '../..')
export const EXAMPLE = join(root, 'examples', '01-first-workspace')
/** As cli/bothy.js starts it. */
export const BOTHY = ['--disable-warning=ExperimentalWarning', join(root, 'cli', 'main.ts')] as const
export const PROVISIONER = ['--disable-warning=ExperimentalWarning', join(root, 'controller', 'main.ts'), 'provisioner'] as const

/** As the image starts it, options of Node included: its bundle, made of this checkout. */
export async function shippedBothy(env: Variables): Promise<readonly string[]> {
  const folder = join(root, '.cache', 'bundle')
  await node(['--disable-warning=ExperimentalWarning', join(root, 'controller', 'program', 'write-bundle.ts'), folder], env)
  const script = readFileSync(join(root, 'deploy', 'image', 'bothy'), 'utf8')
  const options = /^exec \/app\/node (.*) \/app\/bundle\/main\.mjs /m.exec(script)?.[1]
  if (options === undefined) throw new Error('deploy/image/bothy starts something else than the bundle')
  return [...options.split(' '), join(folder, 'main.mjs')]
}

export type Variables = Readonly<Record<string, string>>

/** What programs under measurement know of this machine. The compile cache is the one that people's own runs fill. */
export const environment = (home: string, more: Variables = {}): Variables => ({
  PATH: searchPath(),
  HOME: home,
  LANG: 'C.UTF-8',
  NO_COLOR: '1',
  BOTHY_USER: 'ada',
  BOTHY_STATE: join(home, 'state'),
  ...(process.env['NODE_COMPILE_CACHE'] ? { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] } : {}),
  ...more,
})

export const searchPath = (): string => process.env['PATH'] ?? ''

/** Runs a program to its end, and fails with what it said where it failed. Answers its standard output. */
export async function run(program: string, args: readonly string[], env: Variables): Promise<string> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = collected(child)
  const code = await exitOf(child)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} exited with ${code}: ${said.stderr()}${said.stdout()}`)
  return said.stdout()
}

export const node = (args: readonly string[], env: Variables): Promise<string> => run(process.execPath, args, env)

/** From spawn to exit of a Node that does nothing: no program of ours can start faster. */
export const bareNodeMs = (env: Variables): Promise<number> => timed(() => node(['-e', '0'], env))

/** A program that stays until it is told to end. */
export interface Staying {
  readonly pid: number
  readonly url: string
  /** Answers the milliseconds until it was gone. Anything but a clean exit is an error. */
  end(): Promise<number>
}

export interface StayingOptions {
  readonly env: Variables
  /** In errors. */
  readonly name: string
  /** Where it says that it is up, its url in a group. */
  readonly tells: RegExp
  readonly signal: NodeJS.Signals
}

const UP_LIMIT_MS = 60_000

/** Answers when it is up. Whatever becomes of the bench, it ends. */
export async function startStaying(place: Place, args: readonly string[], { env, name, tells, signal }: StayingOptions): Promise<Staying> {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const pid = child.pid ?? 0
  const said = collected(child)
  const exited = exitOf(child)
  let over = false
  void exited.finally(() => (over = true))
  place.onLeave(async () => {
    if (!over) child.kill(signal)
    const giveUp = systemClock.after(UP_LIMIT_MS, () => killQuietly(pid, 'SIGKILL'))
    await exited
    giveUp()
  })
  const all = () => `${said.stderr()}${said.stdout()}`
  const told = () => tells.exec(all())?.[1]
  await until(`${name} to be up`, () => over || told() !== undefined, { limitMs: UP_LIMIT_MS, everyMs: 2 })
  // What it says later pushes out what it said first.
  const url = told() ?? ''
  if (over) throw new Error(`${name} ended: ${all()}`)
  return {
    pid,
    url,
    async end() {
      const startedAt = systemClock.elapsedMs()
      child.kill(signal)
      const code = await exited
      if (code !== 0) throw new Error(`${name} exited with ${code}: ${all()}`)
      return systemClock.elapsedMs() - startedAt
    },
  }
}

export function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((settle, reject) => {
    child.once('error', reject)
    child.once('close', (code) => settle(code ?? 128))
  })
}

const OUTPUT_CHARACTERS_MAX = 1024 * 1024

export function collected(child: ChildProcess): { readonly stdout: () => string; readonly stderr: () => string } {
  const text = { stdout: '', stderr: '' }
  const keep = (stream: 'stdout' | 'stderr') => (data: Buffer) =>
    (text[stream] = (text[stream] + data.toString()).slice(-OUTPUT_CHARACTERS_MAX))
  child.stdout?.on('data', keep('stdout'))
  child.stderr?.on('data', keep('stderr'))
  return { stdout: () => text.stdout, stderr: () => text.stderr }
}
