import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { COMPILED } from '../support/compiled.ts'
import { noOwnCluster, ownCluster, type OwnCluster } from '../support/cluster.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { givenCluster, isOnThisMachine } from './given/kubeconfig.ts'

/** Whose cluster the tests use: one on this machine that KUBECONFIG names, and never one elsewhere that nobody meant. */

interface Kubeconfig {
  clusters: { cluster: Record<string, unknown> }[]
}

const given = (environment: Readonly<Record<string, string>>) => givenCluster({ environment, folder: temporaryFolder() })

describe.skipIf(noOwnCluster !== null)('a kubeconfig that is there', async () => {
  if (noOwnCluster !== null) return void test.skip(noOwnCluster)
  const cluster: OwnCluster = await ownCluster({ crds: false })
  const own = JSON.parse((await cluster.kubectl(['config', 'view', '--raw', '--flatten', '-o', 'json'])).stdout) as Kubeconfig
  const port = new URL(cluster.url).port
  /** The real one, but for what is told of its cluster. */
  const changed = (more: object): string => {
    const file = join(temporaryFolder(), 'kubeconfig')
    const config = structuredClone(own)
    for (const each of config.clusters) Object.assign(each.cluster, more)
    writeFileSync(file, JSON.stringify(config))
    return file
  }

  test('is used where its server is here, as a copy that goes on leading here', async () => {
    const file = changed({})
    const { cluster: used, told } = await given({ KUBECONFIG: file })
    expect(told).toBe(`the tests use the cluster of KUBECONFIG, ${cluster.url}`)
    expect(used?.controllers).toBe(true)
    const copy = used?.kubeconfig ?? ''
    expect(copy).not.toBe(file)
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    writeFileSync(file, '')
    expect((await cluster.kubectl(['get', 'namespace', 'default', '-o', 'name'], { kubeconfig: copy })).stdout).toBe('namespace/default\n')
    expect((await given({ KUBECONFIG: changed({ server: `https://localhost:${port}` }) })).told).toContain('the tests use')
  })

  test('may be several files, of which the first says the context', async () => {
    const elsewhere = join(temporaryFolder(), 'elsewhere')
    const production = { clusters: [{ name: 'p', cluster: { server: 'https://prod.example' } }] }
    const context = { contexts: [{ name: 'p', context: { cluster: 'p', user: '' } }], 'current-context': 'p' }
    writeFileSync(elsewhere, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...production, ...context }))
    expect((await given({ KUBECONFIG: `${changed({})}:${elsewhere}` })).cluster).not.toBeNull()
    const { cluster: used, told } = await given({ KUBECONFIG: `${elsewhere}:${changed({})}` })
    expect([used, told]).toEqual([null, expect.stringContaining('https://prod.example is not on this machine')])
  })

  test('is left alone where it leads elsewhere, or may, and nothing is asked there', async () => {
    let asked = 0
    const proxy = createServer((socket) => {
      asked += 1
      socket.destroy()
    }).listen(0, '127.0.0.1')
    await new Promise((settle) => proxy.once('listening', settle))
    onTestFinished(() => void proxy.close())
    const { port: at } = proxy.address() as AddressInfo
    for (const [more, why] of [
      [{ 'proxy-url': `http://127.0.0.1:${at}` }, `with proxy-url, ${cluster.url} may lead to another machine`],
      [{ server: 'https://203.0.113.7:6443', 'proxy-url': `http://127.0.0.1:${at}` }, 'https://203.0.113.7:6443 is not on this machine'],
      [{ 'tls-server-name': 'kubernetes.default.svc' }, `with tls-server-name, ${cluster.url} may lead`],
      [{ 'insecure-skip-tls-verify': true, 'certificate-authority-data': '' }, `with insecure-skip-tls-verify, ${cluster.url} may lead`],
    ] as const) {
      const { cluster: used, told } = await given({ KUBECONFIG: changed(more) })
      expect(used).toBeNull()
      expect(told).toContain(`KUBECONFIG is left alone: ${why}`)
      expect(told).toMatch(/BOTHY_TEST_KUBECONFIG$/)
    }
    expect(asked).toBe(0)
  })

  test('is left alone where nothing answers, or it cannot be read', async () => {
    const { told: silent } = await given({ KUBECONFIG: changed({ server: 'https://127.0.0.1:1' }) })
    expect(silent).toMatch(/left alone: https:\/\/127\.0\.0\.1:1 does not answer \(.*refused/)
    const empty = join(temporaryFolder(), 'empty')
    writeFileSync(empty, '')
    for (const file of [empty, join(temporaryFolder(), 'absent')])
      expect((await given({ KUBECONFIG: file })).told).toMatch(
        /^KUBECONFIG is left alone: .*(?:has no current-context|cannot be read).*BOTHY_TEST_KUBECONFIG$/,
      )
  })

  test('is used wherever it leads where it is meant for tests', async () => {
    const meant = changed({ 'tls-server-name': 'kubernetes.default.svc' })
    const environment = { BOTHY_TEST_KUBECONFIG: meant, KUBECONFIG: join(temporaryFolder(), 'absent') }
    expect(await given(environment)).toEqual({ cluster: { kubeconfig: meant, controllers: true }, told: null })
    expect(await given({})).toEqual({ cluster: null, told: null })
  })

  test('of a server without controllers says so', async () => {
    const bare = await ownCluster({ crds: false, manager: false })
    expect((await given({ KUBECONFIG: bare.kubeconfig })).cluster?.controllers).toBe(false)
  })

  test('is what a whole run then uses', async () => {
    const names = async () => (await cluster.kubectl(['get', 'namespaces', '-o', 'name'])).stdout
    expect(await names()).not.toContain('namespace/named-')
    const run = ['--project', 'real', 'test/cluster/cluster.test.ts', '-t', 'has our kinds']
    const program = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs')
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], KUBECONFIG: cluster.kubeconfig, CI: '1', ...COMPILED }
    const child = spawn(process.execPath, [program, 'run', ...run], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
    expect(await new Promise((settle) => child.once('close', settle)), said).toBe(0)
    expect(said).toContain(`the tests use the cluster of KUBECONFIG, ${cluster.url}`)
    expect(await names()).toContain('namespace/named-')
    expect((await cluster.kubectl(['get', 'crds', '-o', 'name'])).stdout).toContain('workspaces.bothy.dev')
    expect(existsSync(cluster.kubeconfig) && readFileSync(cluster.kubeconfig, 'utf8')).toContain(cluster.url)
  })
})

test.for([
  ['https://127.0.0.1:6443', true],
  ['https://127.8.8.8', true],
  ['https://[::1]:6443', true],
  ['https://[::ffff:127.0.0.1]:6443', true],
  ['https://0.0.0.0:6550', true],
  ['https://localhost:6443', true],
  ['https://LOCALHOST:6443', true],
  ['https://kind.localhost', true],
  ['https://prod.example', false],
  ['https://localhost.example', false],
  ['https://notlocalhost', false],
  ['https://127.0.0.1.example', false],
  ['https://127.0.0.1@prod.example', false],
  ['https://10.0.0.1:6443', false],
  ['https://198.18.0.1:6443', false],
  ['https://[fd00::1]:6443', false],
  ['127.0.0.1:6443', false],
] as const)('%s is on this machine: %s', ([server, is]) => expect(isOnThisMachine(server)).toBe(is))
