import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, type TestContext } from 'vitest'
import { createConnections } from '../../controller/connect/connections.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import type { AgentRow } from '../../controller/store/records.ts'
import { agentProgram } from '../../controller/program/program.ts'
import { initScript } from '../../provider/init-script.ts'
import { hostKey } from '../agent/control-plane.ts'
import { person } from '../agent/person.ts'
import { makeAgent, reached, rowOf, type Made } from '../agent/world.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { openAgentsApi } from './api.ts'
import { debian, makeDebian, whyNoDebian, type Debian, type Started } from './debian.ts'

/** The init script of a real agent, in a Debian that nobody prepared, against a real control plane. */

const { db } = await withDatabase()
const ARCH = process.arch === 'arm64' ? 'arm64' : 'amd64'
const stateDir = mkdtempSync(join(tmpdir(), 'bothy-program-'))
let machines: Debian
afterAll(() => {
  rmSync(stateDir, { recursive: true })
  machines?.remove()
})

const missing = whyNoDebian()

beforeAll(async () => {
  if (missing === null) {
    makeDebian()
    machines = debian()
  }
  await (await agentProgram({ stateDir, clock: systemClock, os: 'linux', arch: ARCH })).archive()
}, 300_000)

function needDebian(context: TestContext): void {
  if (missing === null) return
  if (process.env['CI'] === '1') throw new Error(missing)
  context.skip(missing)
}

interface World {
  readonly url: string
  readonly made: Made
  readonly script: string
}

async function world(): Promise<World> {
  const ports = { db, clock: systemClock, log: silentLog, metrics: createMetrics(), replica: 'standalone', barred: () => null, hostKey }
  const connections = await createConnections(ports)
  onTestFinished(() => connections.close())
  const { url } = await openAgentsApi({ stateDir, db, connections })
  const made = await makeAgent(db)
  return { url, made, script: initScript({ agentId: made.id, os: 'linux', arch: ARCH, accessUrl: url }) }
}

/** What the machine printed is what went wrong in it. */
async function ready({ made }: World, { output }: Started): Promise<AgentRow> {
  try {
    return await reached(db, made, 'Ready')
  } catch (error) {
    throw new Error(`the machine said: ${output()}`, { cause: error })
  }
}

async function said(world: World, ...argv: string[]): Promise<string> {
  const someone = person(world.url, world.made, argv, { input: '' })
  expect({ code: await someone.code, stderr: someone.stderr() }).toEqual({ code: 0, stderr: '' })
  return someone.stdout().trim()
}

const ENVIRONMENT = `echo "[\${BOTHY_AGENT_TOKEN-}\${CODER_AGENT_TOKEN-}\${BOTHY_PROGRAM-}\${NODE_COMPILE_CACHE-}]"`

test('as root with curl: it connects, runs what is asked, has a real terminal, and is started again when it is killed', async (context) => {
  needDebian(context)
  const here = await world()
  const machine = machines.start('root', 'curl', here.script, { HOME: '/root', CODER_AGENT_TOKEN: here.made.token })
  const { version, runId } = await ready(here, machine)
  expect(version).toMatch(/^0\.1\.0\+[0-9a-f]{12}$/)
  expect(await said(here, 'sh', '-c', `id -u; . /etc/os-release; echo "$ID"; ls "$HOME/.cache"; ${ENVIRONMENT}`)).toBe(
    '0\ndebian\nbothy\n[]',
  )
  const typing = person(here.url, here.made, ['sh', '-c', 'tty; stty size'], { tty: true, size: { columns: 93, rows: 17 }, input: '' })
  expect({ code: await typing.code, said: typing.stdout().replaceAll('\r', ''), lost: typing.stderr() }).toEqual({
    code: 0,
    said: expect.stringMatching(/^\/dev\/pts\/\d+\n17 93\n$/),
    lost: '',
  })
  // By somebody who is not asked for an answer any more when it happens.
  await said(here, 'sh', '-c', '(until [ -e /tmp/answered ]; do sleep 0.1; done; kill -KILL "$PPID") >/dev/null 2>&1 &')
  writeFileSync(join(machines.root, 'tmp', 'answered'), '')
  await until('another run', async () => {
    const row = await rowOf(db, here.made)
    return row.runId !== runId && row.lifecycle === 'Ready'
  })
  expect(machine.output()).toContain('is started again in 1 s')
})

test('as nobody with wget and no home folder: it finds a folder of its own', async (context) => {
  needDebian(context)
  const here = await world()
  const machine = machines.start('nobody', 'wget', here.script, { HOME: '/nonexistent', BOTHY_AGENT_TOKEN: here.made.token })
  await ready(here, machine)
  expect(await said(here, 'sh', '-c', 'id -u; ls /var/tmp; stat -c %a /var/tmp/bothy-65534')).toBe('65534\nbothy-65534\n700')
})

test('with busybox alone, its shell and its tools', async (context) => {
  needDebian(context)
  const here = await world()
  mkdirSync(join(machines.root, 'bb'))
  for (const name of [
    'sh',
    'id',
    'mkdir',
    'chmod',
    'rm',
    'mktemp',
    'cut',
    'sed',
    'head',
    'tail',
    'sleep',
    'uname',
    'mv',
    'touch',
    'find',
    'date',
    'wget',
    'sha256sum',
    'tar',
  ])
    symlinkSync('/usr/bin/busybox', join(machines.root, 'bb', name))
  const script = `exec /bb/sh -c '${here.script.replaceAll("'", `'\\''`)}'`
  const machine = machines.start('nobody', 'busybox', script, { PATH: '/bb', HOME: '/tmp', BOTHY_AGENT_TOKEN: here.made.token })
  await ready(here, machine)
  expect(await said(here, '/bb/id', '-u')).toBe('65534')
})

test('with nothing that fetches it says what to install, and with no token what to set', async (context) => {
  needDebian(context)
  const here = await world()
  const unarmed = machines.start('root', null, here.script, { HOME: '/opt', BOTHY_AGENT_TOKEN: here.made.token })
  const unknown = machines.start('root', null, here.script, { HOME: '/root' })
  expect({ code: await unarmed.exited, said: unarmed.output() }).toEqual({
    code: 1,
    said: 'bothy: curl, wget or busybox is needed to fetch the agent: install one in the image, or mount the agent from the host\n',
  })
  expect({ code: await unknown.exited, said: unknown.output() }).toEqual({
    code: 1,
    said: "bothy: set BOTHY_AGENT_TOKEN to the agent's token (the template does: env = { BOTHY_AGENT_TOKEN = bothy_agent.NAME.token })\n",
  })
})

test('an agent that is refused for good ends, and so does what keeps it running', async (context) => {
  needDebian(context)
  const here = await world()
  const machine = machines.start('root', 'curl', here.script, { HOME: '/root', BOTHY_AGENT_TOKEN: 'of somebody else' })
  expect(await machine.exited).toBe(77)
  expect(machine.output()).toContain('refused this agent')
})
