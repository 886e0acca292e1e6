import { spawn, type ChildProcess } from 'node:child_process'
import { join, resolve } from 'node:path'
import { timed } from './bench.ts'

export const root = resolve(import.meta.dirname, '../..')
export const EXAMPLE = join(root, 'examples', '01-first-workspace')
/** As cli/bothy.js starts it. */
export const BOTHY = ['--disable-warning=ExperimentalWarning', join(root, 'cli', 'main.ts')] as const
export const PROVISIONER = ['--disable-warning=ExperimentalWarning', join(root, 'controller', 'main.ts'), 'provisioner'] as const

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
