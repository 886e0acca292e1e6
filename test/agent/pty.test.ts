import { expect, onTestFinished, test } from 'vitest'
import { spawnInPty, type Pty, type PtyKind } from '../../agent/pty.ts'
import { findProgram } from '../../agent/resolve-command.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { until } from '../support/until.ts'

const env = { PATH: process.env['PATH'] ?? '', TERM: 'xterm' }

async function started(kind: PtyKind, command: string): Promise<{ pty: Pty; output: () => string }> {
  const wanted = {
    argv: ['sh', '-c', command] as const,
    cwd: '/',
    env,
    stdin: true,
    pipesLimit: (late: () => void) => void systemClock.after(1000, late),
  }
  const pty = await spawnInPty(wanted, { cols: 91, rows: 17 }, systemClock, (program) => findProgram(program, env.PATH, '/'), [kind])
  if (!pty) throw new Error(`no terminal through ${kind}`)
  onTestFinished(() => pty.signal('SIGKILL'))
  let output = ''
  pty.onOutput((_kind, data) => (output += data.toString()))
  return { pty, output: () => output }
}

const KINDS: readonly PtyKind[] = ['native', 'python3', 'script']

test.for(KINDS)('a terminal through %s has its size, takes what is typed and gives the exit code', async (kind) => {
  const { pty, output } = await started(kind, 'test -t 0 && test -t 1 && stty size; read x; echo got $x; exit 7')
  await until('the size', () => output().includes('17 91'))
  await pty.write(Buffer.from('typed\r'))
  expect(await pty.ended).toEqual({ code: 7, signal: null, pipesLeftOpen: false })
  expect(output()).toBe('17 91\r\ntyped\r\ngot typed\r\n')
})

test.for(KINDS)('Ctrl-C reaches the program in a terminal through %s', async (kind) => {
  const { pty, output } = await started(kind, 'trap "echo interrupted; exit 3" INT; echo ready; while :; do sleep 0.05; done')
  await until('it to begin', () => output().includes('ready'))
  await pty.write(Buffer.from('\x03'))
  expect(await pty.ended).toMatchObject({ code: 3 })
  expect(output()).toContain('interrupted')
})

test.for(KINDS)('the end of input reaches the program in a terminal through %s', async (kind) => {
  const { pty, output } = await started(kind, 'cat; echo over')
  await pty.write(Buffer.from('typed\r'))
  await until('it to come back', () => output().split('typed').length === 3)
  pty.endInput()
  expect(await pty.ended).toMatchObject({ code: 0 })
  expect(output()).toContain('over')
})

test.for(['native', 'python3'] as const)('a terminal through %s follows the window, and dies of a signal', async (kind) => {
  const { pty, output } = await started(kind, 'trap "stty size" WINCH; echo ready; while true; do sleep 0.05; done')
  await until('it to be ready', () => output().includes('ready'))
  pty.resize(132, 50)
  await until('the new size', () => output().includes('50 132'))
  pty.signal('SIGTERM')
  expect(await pty.ended).toMatchObject({ code: 143, signal: 'SIGTERM' })
})

test('a terminal whose program ends while it is held back gives its last words all the same', async () => {
  const { pty, output } = await started('native', 'echo start; read x; seq 1 500')
  await until('it to begin', () => output().includes('start'))
  pty.pause()
  await pty.write(Buffer.from('\r'))
  await pty.ended
  expect(output()).toContain('499\r\n500\r\n')
})

test('a terminal that was held back gives its last words though we were not run for a while when it had ended', async () => {
  for (let round = 0; round < 6; round += 1) {
    const { pty, output } = await started('native', 'echo start; read x; seq 1 500')
    await until('it to begin', () => output().includes('start'))
    pty.pause()
    await pty.write(Buffer.from('\r'))
    await until('its process to be gone', () => !isThere(pty.pid), { everyMs: 1 })
    // Told of the end in this turn, and of nothing else until all that was to be done by the clock is late.
    await new Promise((turn) => setImmediate(turn))
    for (const late = systemClock.elapsedMs() + 300; systemClock.elapsedMs() < late;);
    await pty.ended
    expect(output()).toContain('499\r\n500\r\n')
  }
})

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('where there is nothing to make a terminal with, there is none', async () => {
  const wanted = { argv: ['true'] as const, cwd: '/', env, stdin: true, pipesLimit: () => {} }
  expect(await spawnInPty(wanted, { cols: 80, rows: 24 }, systemClock, () => null, ['python3', 'script'])).toBeNull()
})
