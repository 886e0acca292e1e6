import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { endAllOf, root } from '../support/bothy.ts'
import type { OwnCluster } from '../support/cluster.ts'
import { COMPILED } from '../support/compiled.ts'
// Its hook is registered before ours, and so runs after it: who uses a database ends before it is dropped.
import '../support/postgres.ts'
import { until } from '../support/until.ts'

/** Control planes of a real cluster, as processes on one database. */

export interface Plane {
  readonly pid: number
  readonly url: string
  readonly state: string
  log(): string
  /** Sends the signal and answers the exit code. */
  end(signal?: NodeJS.Signals): Promise<number>
}

export interface World {
  controller(replica: string, ...args: readonly string[]): Promise<Plane>
  /** Builds for all of them; its machines' agents dial the control plane at `url`. */
  provisioner(url: string): Promise<Plane>
}

const PROGRAM = join(root, 'cli', 'main.ts')

const opened: (() => Promise<void>)[] = []
// Here, once a file: a hook that is registered while another hook runs never runs.
afterAll(async () => {
  for (const close of opened.splice(0)) await close()
})

/** Ends every process and machine after the file. `env` is what else all of them are given. */
export function openWorld(cluster: OwnCluster, databaseUrl: string, env: Readonly<Record<string, string>> = {}): World {
  const base = mkdtempSync(join(tmpdir(), 'bothy-controllers-'))
  const key = randomBytes(32).toString('base64')
  const children: ChildProcess[] = []

  opened.push(async () => {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await endAllOf(base)
    rmSync(base, { recursive: true, force: true })
  })

  const start = async (
    name: string,
    args: readonly string[],
    more: Readonly<Record<string, string>>,
    isReady: (log: string) => boolean,
  ) => {
    const state = join(base, name)
    const given = {
      PATH: process.env['PATH'] ?? '',
      HOME: base,
      DATABASE_URL: databaseUrl,
      BOTHY_KEY: key,
      BOTHY_STATE: state,
      BOTHY_REPLICA: name,
      BOTHY_LOG: 'debug',
      NO_COLOR: '1',
      ...COMPILED,
      ...env,
      ...more,
    }
    const child = spawn(process.execPath, [PROGRAM, ...args], { env: given, cwd: base })
    children.push(child)
    let log = ''
    child.stdout.on('data', (data: Buffer) => (log += data.toString()))
    child.stderr.on('data', (data: Buffer) => (log += data.toString()))
    const done = new Promise<number>((settle) => child.on('exit', (code, signal) => settle(signal ? 128 : (code ?? 1))))
    await until(`${name} to be ready or to end`, () => isReady(log) || child.exitCode !== null, { limitMs: 110_000 })
    if (child.exitCode !== null) throw new Error(`${name} ended: ${log.slice(-2000)}`)
    return {
      pid: child.pid ?? 0,
      url: /"url":"(http[^"]+)"/.exec(log)?.[1] ?? '',
      state,
      log: () => log,
      end: (signal: NodeJS.Signals = 'SIGTERM') => {
        child.kill(signal)
        return done
      },
    }
  }
  return {
    controller: (replica, ...args) =>
      start(replica, ['controller', '--kubeconfig', cluster.kubeconfig, '--port', '0', ...args], {}, (log) =>
        log.includes('the control plane is up'),
      ),
    provisioner: (url) => start('provisioner', ['provisioner'], { BOTHY_ACCESS_URL: url }, (log) => log.includes('"provisioner')),
  }
}
