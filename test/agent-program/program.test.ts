import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { PROTOCOL_MAJOR, PROTOCOL_MINOR, SERVICES } from '../../agent/protocol.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { agentProgram } from '../../controller/program/program.ts'
import { startControlPlane, type ControlPlane } from '../agent/control-plane.ts'
import { person } from '../agent/person.ts'
import { makeAgent, reached, rowOf, startAgent, type Made } from '../agent/world.ts'
import { killQuietly } from '../support/bothy.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** The program as a machine has it: the launcher in its folder, from another folder than the sources. */

const { db } = await withDatabase()
const stateDir = mkdtempSync(join(tmpdir(), 'bothy-program-'))
afterAll(() => rmSync(stateDir, { recursive: true }))

let program: string
beforeAll(async () => {
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64'
  program = (await agentProgram({ stateDir, clock: systemClock, os: 'linux', arch })).folder
})

/** The program with some of its files changed, or left out. */
function doctored(change: (name: string, text: () => string) => string | null | undefined): string {
  const folder = temporaryFolder('bothy-doctored-')
  for (const name of readdirSync(program).filter((each) => each !== 'compile-cache')) {
    const changed = change(name, () => readFileSync(join(program, name), 'utf8'))
    if (changed === undefined) linkSync(join(program, name), join(folder, name))
    else if (changed !== null) writeFileSync(join(folder, name), changed)
  }
  return folder
}

async function plane(): Promise<ControlPlane> {
  const started = await startControlPlane(db)
  onTestFinished(() => started.close())
  return started
}

const start = (made: Made, url: string, folder = program) => startAgent(made, url, { command: ['/bin/sh', join(folder, 'bothy-agent')] })

async function said(url: string, made: Made, argv: readonly string[], tty = false): Promise<string> {
  const someone = person(url, made, argv, { input: '', tty, ...(tty ? { size: { columns: 80, rows: 24 } } : {}) })
  await someone.code
  return someone.stdout().trim()
}

const agentPid = async (url: string, made: Made): Promise<number> => Number(await said(url, made, ['sh', '-c', 'echo $PPID']))

async function banner({ connections }: ControlPlane, made: Made): Promise<string> {
  const stream = await connections.openStream(made.id, SERVICES.ssh)
  try {
    return await new Promise((resolve, reject) => {
      stream.once('data', (data: Buffer) => resolve(data.toString('latin1').split('-').slice(0, 2).join('-')))
      stream.once('close', () => reject(new Error('the ssh server said nothing')))
    })
  } finally {
    stream.close()
  }
}

test('the native modules beside it are the ones that are used', async () => {
  const control = await plane()
  const made = await makeAgent(db)
  start(made, control.url)
  await reached(db, made, 'Ready')
  expect(await said(control.url, made, ['sh', '-c', 'tty >/dev/null && echo terminal'], true)).toBe('terminal')
  expect(await banner(control, made)).toBe('SSH-2.0')
  const maps = readFileSync(`/proc/${await agentPid(control.url, made)}/maps`, 'utf8')
  const native = readdirSync(program).filter((name) => name.endsWith('.node'))
  expect(native.filter((name) => !maps.includes(join(program, name)))).toEqual([])
  expect(native).toContain('pty.node')
})

test('without native modules everything goes on, and what is lost is said', async () => {
  const control = await plane()
  const made = await makeAgent(db)
  start(
    made,
    control.url,
    doctored((name) => (name.endsWith('.node') ? null : undefined)),
  )
  await reached(db, made, 'Ready')
  const someone = person(control.url, made, ['sh', '-c', 'tty >/dev/null && echo terminal'], { input: '', tty: true })
  expect({ code: await someone.code, said: someone.stdout().trim() }).toEqual({ code: 0, said: 'terminal' })
  expect(someone.stderr()).toMatch(/the terminal runs through (python3|script), since/)
  expect(await banner(control, made)).toBe('SSH-2.0')
})

test('native modules of another machine are the same as none', async () => {
  const control = await plane()
  const made = await makeAgent(db)
  start(
    made,
    control.url,
    doctored((name) => (name.endsWith('.node') ? 'no module at all' : undefined)),
  )
  await reached(db, made, 'Ready')
  expect(await said(control.url, made, ['sh', '-c', 'tty >/dev/null && echo terminal'], true)).toBe('terminal')
  expect(await banner(control, made)).toBe('SSH-2.0')
})

const speaking = (major: number, minor: number): string =>
  doctored((name, text) => {
    if (name !== 'agent.mjs') return undefined
    const changed = text()
      .replace(`PROTOCOL_MAJOR=${PROTOCOL_MAJOR}`, `PROTOCOL_MAJOR=${major}`)
      .replace(`PROTOCOL_MINOR=${PROTOCOL_MINOR}`, `PROTOCOL_MINOR=${minor}`)
    if (changed === text()) throw new Error('the bundle does not say its protocol as this test thinks')
    return changed
  })

test.each([PROTOCOL_MINOR - 1, PROTOCOL_MINOR + 1])('an agent of minor version %i works', async (minor) => {
  const control = await plane()
  const made = await makeAgent(db)
  start(made, control.url, speaking(PROTOCOL_MAJOR, minor))
  await reached(db, made, 'Ready')
  expect(await said(control.url, made, ['echo', 'hello'])).toBe('hello')
})

test.each([
  [PROTOCOL_MAJOR - 1, 'upgrade the agent: rebuild the workspace.'],
  [PROTOCOL_MAJOR + 1, 'upgrade the control plane.'],
])('an agent of major version %i is told which side to upgrade', async (major, which) => {
  const control = await plane()
  const made = await makeAgent(db)
  const agent = start(made, control.url, speaking(major, 0))
  await until('it to be told', () => agent.output().includes('\n'))
  expect(agent.output()).toContain(
    `The agent speaks protocol ${major}.0 and the control plane ${PROTOCOL_MAJOR}.${PROTOCOL_MINOR}: ${which}`,
  )
  expect((await rowOf(db, made)).connectedAt).toBeNull()
})

test('TERM of the launcher ends the agent in good order; the end of the launcher is the end of the agent', async () => {
  const control = await plane()
  const made = await makeAgent(db)
  const first = start(made, control.url)
  await reached(db, made, 'Ready')
  first.signal('SIGTERM')
  expect(await first.exited).toBe(0)
  expect((await reached(db, made, 'Off')).lifecycle).toBe('Off')
  const second = start(made, control.url)
  await reached(db, made, 'Ready')
  const pid = await agentPid(control.url, made)
  killQuietly(second.pid)
  await until('the agent to end', () => !isAlive(pid))
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
