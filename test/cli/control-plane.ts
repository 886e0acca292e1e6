import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { ownAuthority } from '../../controller/api/own-authority.ts'
import { openApi } from '../../controller/api/server.ts'
import type { Cluster } from '../../controller/cluster/port.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { systemClock, toIso } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import type { Db } from '../../controller/store/pool.ts'
import { COMPILED } from '../support/compiled.ts'
import { root, type Ran } from '../support/bothy.ts'
import { withDatabase } from '../support/postgres.ts'

/** The API of a control plane over a real cluster, and the command line as a process that talks to it. Nothing reconciles. */
export interface ControlPlane {
  readonly cluster: Cluster
  readonly db: Db
  readonly url: string
  bothy(args: readonly string[], input?: string, more?: Readonly<Record<string, string>>): Promise<Ran>
  /** Begins, and is told what is printed; ends by itself or by a signal. */
  begin(args: readonly string[]): { output(): string; end(signal: NodeJS.Signals): Promise<number> }
}

const TOKEN = 'a-token-for-tests'

const refuse = () => Promise.reject(new Error('is not asked here'))

export async function withControlPlane(): Promise<ControlPlane> {
  const { db } = await withDatabase()
  const standalone = await openStandalone({ db, clock: systemClock, log: silentLog })
  const { cluster } = standalone
  const api = await openApi(
    {
      clock: systemClock,
      log: silentLog,
      metrics: createMetrics(),
      version: '0.0.0-test',
      authority: ownAuthority({ token: TOKEN, user: 'ada' }),
    },
    { host: '127.0.0.1', port: 0, tls: null, insecure: false, hosts: [] },
  )
  api.open({
    cluster,
    db,
    checks: [],
    why: async (kind, namespace, name) => whyOf(kind, namespace, name),
    simulate: async (namespace, name, until) => (name === 'nobody' ? null : simulated(namespace, name, until)),
    status: refuse,
    down: refuse,
    agentProgram: refuse,
    files: async () => {
      throw new Error('no files here')
    },
    portsOf: async () => null,
    hostKeys: async () => ({ main: 'ssh-ed25519 AAAA' }),
    enter: (_target, _request, socket) => socket.destroy(),
    connect: { path: '/agent/v1/connect', upgrade: (_request, socket) => socket.destroy() },
  })
  const url = `http://127.0.0.1:${api.port}`
  afterAll(async () => {
    await api.close()
    await standalone.close()
  })
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', BOTHY_URL: url, BOTHY_TOKEN: TOKEN, TZ: 'UTC', ...COMPILED }
  const started = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    spawn(process.execPath, [join(root, 'cli', 'main.ts'), ...args], { env: { ...env, ...more } })
  return {
    cluster,
    db,
    url,
    bothy(args, input = '', more = {}) {
      const child = started(args, more)
      let stdout = ''
      let stderr = ''
      child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
      child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
      child.stdin.end(input)
      return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr })))
    },
    begin(args) {
      const child = started(args)
      let output = ''
      child.stdout.on('data', (data: Buffer) => (output += data.toString()))
      child.stderr.on('data', (data: Buffer) => (output += data.toString()))
      const closed = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 128)))
      return {
        output: () => output,
        end(signal) {
          child.kill(signal)
          return closed
        },
      }
    },
  }
}

/** By whose clocks each is simulated; others are of a control plane that does not say. */
const ZONES: Readonly<Record<string, string>> = { dev: 'UTC', far: 'Pacific/Pago_Pago', high: 'Asia/Kathmandu' }

const simulated = (namespace: string, name: string, until: number) => ({
  kind: 'Workspace',
  namespace,
  name,
  until: toIso(until),
  timezone: ZONES[name],
  changes: [{ at: '2026-11-23T09:00:00Z', wants: 'running', reason: 'Autostart', message: 'Its schedule starts it.' }],
})

const whyOf = (kind: string, namespace: string, name: string) => ({
  kind,
  namespace,
  name,
  summary: 'wants to run; a build is running.',
  wants: 'running',
  reason: 'Created',
  holds: 'build 1 is running',
  until: null,
  changes: 'the end of the build',
  rules: [
    { rule: 'deleted', opinion: 'nothing', decides: false },
    { rule: 'never built', opinion: 'running', decides: true },
  ],
})
