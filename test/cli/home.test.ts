import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readEnvironment } from '../../cli/environment.ts'
import { Failure } from '../../cli/failure.ts'
import { findHome } from '../../cli/home.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { startOf } from '../../controller/kernel/pids.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** Which of several there is talked to. Nothing is asked of any of them. */

const CONFIG = JSON.stringify({
  'current-context': 'prod',
  clusters: [{ name: 'c', cluster: { server: 'https://cluster.invalid:6443' } }],
  contexts: [
    { name: 'prod', context: { cluster: 'c', user: 'u', namespace: 'team' } },
    { name: 'lab', context: { cluster: 'c', user: 'u' } },
  ],
  users: [{ name: 'u', user: { token: 't' } }],
})

interface There {
  readonly kubeconfig?: boolean
  /** `runs`, or its url is still there, and its lock. */
  readonly standalone?: 'runs' | 'was killed'
  readonly env?: Readonly<Record<string, string>>
  readonly flags?: Readonly<Record<string, string>>
}

async function talksTo({ kubeconfig, standalone, env = {}, flags = {} }: There): Promise<string> {
  const home = temporaryFolder()
  const state = join(home, '.local', 'state', 'bothy')
  mkdirSync(state, { recursive: true })
  mkdirSync(join(home, '.kube'))
  if (kubeconfig) writeFileSync(join(home, '.kube', 'config'), CONFIG)
  if (standalone) {
    // Where something listens in either case: the port of one that has ended may be another program's.
    const server = createServer()
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const start = standalone === 'runs' ? startOf(process.pid) : 'another boot:1'
    writeFileSync(join(state, 'bothy.lock'), JSON.stringify({ pid: process.pid, start, url }))
    writeFileSync(join(state, 'url'), `${url}\n`)
  }
  const named = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace('STATE', state)]))
  const environment = { ...readEnvironment({ HOME: home, ...named }), ...('BOTHY_STATE' in env ? {} : { stateDir: state }) }
  const given = { url: null, token: null, kubeconfig: null, context: null, serviceAccount: null, ...flags }
  const { namespace, client } = await findHome(environment, given, systemClock)
  try {
    const { cluster, endpoint } = client()
    return cluster ? `cluster ${cluster.context}, ${namespace}` : (await endpoint()).from.replace(state, 'here')
  } catch (error) {
    return error instanceof Failure ? error.text.what : String(error)
  }
}

test('flags, then the environment, then what runs here, then the kubeconfig', async () => {
  const url = { BOTHY_URL: 'http://plane.invalid' }
  expect(await talksTo({})).toBe('no control plane can be reached')
  expect(await talksTo({ standalone: 'runs' })).toBe('of here')
  expect(await talksTo({ kubeconfig: true })).toBe('cluster prod, team')
  expect(await talksTo({ kubeconfig: true, standalone: 'runs' })).toBe('of here')
  expect(await talksTo({ kubeconfig: true, standalone: 'runs', env: url })).toBe('BOTHY_URL')
  expect(await talksTo({ kubeconfig: true, standalone: 'runs', env: url, flags: { context: 'lab' } })).toBe('cluster lab, default')
  expect(await talksTo({ kubeconfig: true, flags: { url: 'http://plane.invalid' } })).toBe('--url')
  expect(await talksTo({ kubeconfig: true, flags: { context: 'nowhere' } })).toMatch(/has no context "nowhere"; it has prod, lab/)
})

test('as a plugin of kubectl the kubeconfig comes before what runs here', async () => {
  const env = { BOTHY_PROGRAM: 'kubectl bothy' }
  expect(await talksTo({ kubeconfig: true, standalone: 'runs', env })).toBe('cluster prod, team')
  expect(await talksTo({ standalone: 'runs', env })).toBe('of here')
})

test('one that was killed is no reason not to talk to the cluster, unless its folder was named', async () => {
  expect(await talksTo({ kubeconfig: true, standalone: 'was killed' })).toBe('cluster prod, team')
  expect(await talksTo({ standalone: 'was killed' })).toBe('of here')
  expect(await talksTo({ kubeconfig: true, standalone: 'was killed', env: { BOTHY_STATE: 'STATE' } })).toBe('of here')
})
