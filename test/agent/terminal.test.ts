import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { spawnInPty, type Pty } from '../../agent/pty.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { freePort } from '../support/ports.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { makeAgent, reached, startAgent, type Made } from './world.ts'

const { db } = await withDatabase()
let plane = await startControlPlane(db, await freePort())
afterAll(() => plane.close())

/** A person at a real terminal of 100 by 30, whose program is this one and in it a command of the workspace. */
async function atTerminal(made: Made, command: string): Promise<{ terminal: Pty; seen: () => string }> {
  const shell = `"${process.execPath}" "${join(import.meta.dirname, 'person-main.ts')}" "${plane.url}" "${made.workspace}" sh -c '${command}'; echo code $?; stty -a | grep -o -e "-*icanon"`
  const env = { PATH: process.env['PATH'] ?? '', TERM: 'xterm' }
  const wanted = { argv: ['sh', '-c', shell] as const, cwd: '/', env, stdin: true, pipesLimit: () => {} }
  const terminal = await spawnInPty(wanted, { cols: 100, rows: 30 }, systemClock, () => null)
  if (!terminal) throw new Error('no terminal')
  onTestFinished(() => terminal.signal('SIGKILL'))
  let output = ''
  terminal.onOutput((_kind, data) => (output += data.toString()))
  return { terminal, seen: () => output }
}

async function ready(): Promise<Made> {
  const made = await makeAgent(db)
  startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  return made
}

test('Ctrl-C goes to the command, the window is passed on, and the terminal is given back as it was', async () => {
  const command = 'trap "echo interrupted" INT; stty size; until test "$(stty size)" = "40 120"; do sleep 0.05; done; echo resized; exit 9'
  const { terminal, seen } = await atTerminal(await ready(), command)
  await until('the size', () => seen().includes('30 100'))
  await terminal.write(Buffer.from('\x03'))
  await until('the interrupt', () => seen().includes('interrupted'))
  terminal.resize(120, 40)
  await terminal.ended
  expect(seen()).toContain('resized')
  expect(seen()).toContain('code 9\r\nicanon')
})

test('Ctrl-C leaves a command whose control plane is away', async () => {
  const made = await ready()
  const { terminal, seen } = await atTerminal(made, 'echo started; sleep 1000')
  await until('it to begin', () => seen().includes('started'))
  const { port } = plane
  await plane.close()
  await until('the loss to be said', () => seen().includes('the connection was lost'))
  await terminal.write(Buffer.from('\x03'))
  await terminal.ended
  expect(seen()).toContain('code 130\r\nicanon')
  plane = await startControlPlane(db, port)
})
