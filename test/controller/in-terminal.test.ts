import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { killQuietly, processesMentioning, root } from '../support/bothy.ts'
import { noOwnCluster, ownCluster } from '../support/cluster.ts'
import { COMPILED } from '../support/compiled.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { asList, objects } from './objects.ts'

test.skipIf(noOwnCluster !== null)('a controller in a terminal says lines for people, and keeps all of it in a file', async () => {
  const pty = await import('@lydell/node-pty')
  const [{ url }, cluster] = await Promise.all([withDatabase(), ownCluster()])
  const base = temporaryFolder()
  const state = join(base, 'state')
  const env = { PATH: process.env['PATH'] ?? '', HOME: base, DATABASE_URL: url, BOTHY_STATE: state, NO_COLOR: '1', ...COMPILED }
  const args = [join(root, 'cli', 'main.ts'), 'controller', '--kubeconfig', cluster.kubeconfig, '--port', '0']
  const terminal = pty.spawn(process.execPath, args, { env, cwd: base, cols: 200, rows: 50 })
  onTestFinished(() => [terminal, ...processesMentioning(base)].forEach(({ pid }) => killQuietly(pid)))
  let said = ''
  terminal.onData((data) => (said += data))
  const ended = new Promise<number>((settle) => terminal.onExit(({ exitCode }) => settle(exitCode)))
  const file = join(state, 'bothy.log')
  await until('it to be up', () => said.includes(`log: ${file}`), { limitMs: 60_000 })
  expect(said).toMatch(/^\d\d:\d\d:\d\d {2}the control plane is up {3}url=http:\/\/\S+ cluster=https:\/\/\S+\r$/m)
  const namespace = await cluster.namespace('terminal')
  await cluster.kubectl(['apply', '-f', '-'], { input: asList(objects(namespace).bare) })
  await until('what is declared to be told', () => said.includes(`template/bare (${namespace})  `))
  terminal.kill('SIGTERM')
  expect(await ended).toBe(0)
  expect(said).not.toContain('{"')
  const logged = readFileSync(file, 'utf8').trim().split('\n')
  expect(logged.map((line) => (JSON.parse(line) as { message: string }).message)).toContain('the control plane is up')
})
