import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { COMPILED } from '../support/compiled.ts'
import { temporaryHome, type Home, type Ran, type Up } from '../support/bothy.ts'

/** As long as a control plane that is gone is waited for by whoever wants in. */
export const PATIENCE_MS = 20_000

/** A workspace that runs, and an ssh configuration that knows it. */
export interface Entered {
  readonly home: Home
  readonly up: Up
  /** What every ssh program here is given: it asks the system where homes are, and not the environment. */
  readonly config: string
  /** A program of this machine, as the person runs it. */
  run(
    program: string,
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: Readonly<Record<string, string>> },
  ): Promise<Ran>
  ssh(...args: string[]): Promise<Ran>
}

export async function enteredWorkspace(): Promise<Entered> {
  const home = temporaryHome()
  const up = await home.up()
  await becomesRunning(home)
  const base = dirname(home.state)
  const config = join(base, '.ssh', 'config')
  expect((await home.run(['config-ssh'])).stdout).toBe(
    `${config} knows every workspace: ssh NAME.bothy, or AGENT.NAME.bothy where it has several agents\n`,
  )
  const run: Entered['run'] = (program, args, { input = '', env = {} } = {}) => {
    const child = spawn(program, args, { cwd: base, env: { ...environmentOf(home), ...env } })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr }))
    })
  }
  return { home, up, config, run, ssh: (...args) => run('ssh', ['-F', config, ...args]) }
}

/** What temporaryHome gives its own commands: so its end is the end of what is started here. */
export const environmentOf = (home: Home): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: dirname(home.state),
  BOTHY_STATE: home.state,
  NO_COLOR: '1',
  LANG: 'C.UTF-8',
  ...COMPILED,
})

export async function becomesRunning(home: Home, name = 'dev'): Promise<void> {
  const { code, stdout, stderr } = await home.run(['wait', `workspace/${name}`, '--for', 'condition=Running', '--timeout', '60s'])
  expect(`${code} ${stdout}${stderr}`).toMatch(/^0 /)
}
