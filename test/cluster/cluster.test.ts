import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { killQuietly, processesMentioning } from '../support/bothy.ts'
import { noCluster, noControllers, noOwnCluster, ownCluster, theCluster } from '../support/cluster.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import type { ClusterPrograms } from './programs.ts'

const here = import.meta.dirname

describe.skipIf(noCluster !== null)('the cluster of the tests', () => {
  test('has our kinds, and a namespace for each test', async () => {
    const cluster = await theCluster()
    const again = await theCluster()
    expect(again.url).toBe(cluster.url)
    const [one, other] = await Promise.all([cluster.namespace(), cluster.namespace('named')])
    expect(other).toMatch(/^named-/)
    const config = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: here}\n'
    expect((await cluster.kubectl(['apply', '-f', '-'], { namespace: one, input: config })).stdout).toBe('configmap/here created\n')
    expect((await cluster.kubectl(['get', 'configmap', 'here'], { namespace: other })).stderr).toContain('NotFound')
    const kinds = await cluster.kubectl(['api-resources', '--api-group=bothy.dev', '-o', 'name'])
    expect(kinds.stdout.trim().split('\n').toSorted()).toEqual([
      'owners.bothy.dev',
      'templates.bothy.dev',
      'workspacerequests.bothy.dev',
      'workspaces.bothy.dev',
    ])
  })

  test.skipIf(noControllers !== null)('collects what lost its owner, ends namespaces, and gives tokens to service accounts', async () => {
    const cluster = await theCluster()
    const namespace = await cluster.namespace()
    const ask = (...args: string[]) => cluster.kubectl(args, { namespace })
    await ask('create', 'configmap', 'owner')
    const uid = (await ask('get', 'configmap', 'owner', '-o', 'jsonpath={.metadata.uid}')).stdout
    const owned = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'owned', ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }] },
    }
    await cluster.kubectl(['create', '-f', '-'], { namespace, input: JSON.stringify(owned) })
    await ask('delete', 'configmap', 'owner')
    await until('the owned object to go', async () => (await ask('get', 'configmap', 'owned')).stderr.includes('NotFound'))

    const token = (await ask('create', 'token', 'default', '--audience', 'bothy')).stdout.trim()
    expect(token.split('.')).toHaveLength(3)
    expect(await ask('delete', 'namespace', namespace, '--timeout=90s')).toMatchObject({ code: 0 })
  })

  test.skipIf(noOwnCluster !== null)('a killed server goes on where it was', async () => {
    const cluster = await ownCluster({ crds: false })
    await cluster.kubectl(['create', 'configmap', 'kept'])
    const first = cluster.pid
    await cluster.kill()
    expect((await cluster.kubectl(['get', 'configmaps'])).code).not.toBe(0)
    await cluster.start()
    expect(cluster.pid).not.toBe(first)
    expect((await cluster.kubectl(['get', 'configmap', 'kept', '-o', 'name'])).stdout).toBe('configmap/kept\n')
    await cluster.close()
    expect(existsSync(dirname(cluster.kubeconfig))).toBe(false)
  })

  test.skipIf(noOwnCluster !== null)('when whoever holds it is killed, nothing of it is left', async () => {
    const folder = temporaryFolder()
    const state = join(folder, 'cluster')
    const holder = spawn(process.execPath, [join(here, 'holder.ts'), state], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void holder.kill('SIGKILL'))
    let said = ''
    holder.stdout.on('data', (data: Buffer) => (said += data.toString()))
    await until('the cluster to be ready', () => said.includes('ready'), { limitMs: 90_000 })
    expect(processesMentioning(state).length).toBeGreaterThanOrEqual(3)
    holder.kill('SIGKILL')
    await until('its processes to end', () => processesMentioning(state).length === 0)
    await until('its files to go', () => !existsSync(state))
  })

  test.skipIf(noOwnCluster !== null)('npm run cluster starts one for this checkout, finds it again, and leaves nothing', async () => {
    const folder = temporaryFolder()
    const command = async (name: string) => {
      const child = spawn(process.execPath, [join(here, 'command.ts'), name], { env: { ...process.env, TMPDIR: folder } })
      let stdout = ''
      child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
      child.stderr.resume()
      const code = await new Promise<number | null>((settle) => child.on('close', settle))
      return { code, last: stdout.trim().split('\n').at(-1) ?? '' }
    }
    onTestFinished(() => processesMentioning(folder).forEach(({ pid }) => killQuietly(pid)))
    expect((await command('status')).code).toBe(1)
    // Two at once are one.
    const [one, other] = await Promise.all([command('start'), command('start')])
    expect(one).toEqual({ code: 0, last: expect.stringMatching(/kubeconfig$/) })
    expect(other).toEqual(one)
    expect(existsSync(one.last)).toBe(true)
    expect(await command('status')).toEqual({ code: 0, last: one.last })
    expect((await command('stop')).code).toBe(0)
    expect(processesMentioning(folder)).toEqual([])
    expect(readdirSync(folder)).toEqual([])
    expect((await command('stop')).code).toBe(0)
  })
})

test('two runs that need the programs at once build them once', async () => {
  const folder = temporaryFolder()
  // A go that says what it was asked, and makes what it was asked for: what is tested is who asks, not the compiler.
  mkdirSync(join(folder, 'bin'))
  const go = `#!/bin/sh
if [ "$1" = env ]; then echo go1.0; exit; fi
echo built >> ${folder}/builds
while [ "$1" != -o ]; do shift; done
echo one > "$2/apiserver"; echo two > "$2/node"; sleep 1
`
  writeFileSync(join(folder, 'bin', 'go'), go, { mode: 0o755 })
  const programs = join(here, 'programs.ts')
  const run = () => {
    const script = `const { clusterPrograms } = await import(${JSON.stringify(programs)}); console.log(JSON.stringify(await clusterPrograms()))`
    const env = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin`, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') }
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (data: Buffer) => (said += data.toString()))
    return new Promise<ClusterPrograms>((settle) => child.on('close', () => settle(JSON.parse(said) as ClusterPrograms)))
  }
  const [one, other] = await Promise.all([run(), run()])
  expect(other).toEqual(one)
  expect(readFileSync(join(folder, 'builds'), 'utf8')).toBe('built\n')
  expect(readFileSync(one.apiserver[0] ?? '', 'utf8')).toBe('one\n')
  // Neither the work nor the lock stays.
  expect(readdirSync(join(folder, 'cache', 'bothy-test'))).toEqual([expect.stringMatching(/^cluster-[0-9a-f]{16}$/)])
})
