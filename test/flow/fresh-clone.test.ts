import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { endAllOf, processesMentioning, root } from '../support/bothy.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)

/** The README's first command as a newcomer types it: a clone of what is committed, nothing installed, an empty home. */
test('npm start in a fresh clone with a fresh home gives a workspace that can be entered', { timeout: 240_000 }, async () => {
  const base = mkdtempSync(join(tmpdir(), 'bothy-clone-'))
  onTestFinished(async () => {
    await endAllOf(base)
    rmSync(base, { recursive: true, force: true })
  })
  const clone = join(base, 'bothy')
  const home = join(base, 'home')
  mkdirSync(home)
  // Not the pinned Node that runs this test: the one a newcomer has.
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((each) => !each.includes('node_modules'))
    .join(delimiter)
  const env = { PATH: path, HOME: home, BOTHY_PORT: '0', LANG: 'C.UTF-8', NO_COLOR: '1' }
  await run('git', ['clone', '--quiet', root, clone])

  const start = spawn('npm', ['start'], { cwd: clone, env, detached: true })
  let output = ''
  start.stdout.on('data', (data: Buffer) => (output += data.toString()))
  start.stderr.on('data', (data: Buffer) => (output += data.toString()))
  const ended = new Promise<number | null>((settle) => start.on('exit', (code) => settle(code)))
  await until(
    'the line that says how to enter',
    () => {
      if (/npx bothy exec .*dev/.test(output)) return true
      throw new Error(`so far: ${output}`)
    },
    { limitMs: 180_000 },
  )
  expect(output).toMatch(/^default +dev +Running +hello/m)

  const inside = await run('npx', ['bothy', 'exec', 'dev', '--', 'sh', '-c', 'echo $BOTHY_WORKSPACE_NAME'], { cwd: clone, env })
  expect(inside.stdout).toBe('dev\n')

  // Ctrl-C reaches the whole foreground group, as a terminal sends it.
  process.kill(-(start.pid ?? 0), 'SIGINT')
  expect(await ended).toBe(0)
  expect(processesMentioning(base).filter(({ command }) => !/agent\/(main\.ts|supervise\.sh)/.test(command))).toEqual([])

  const down = await run('npx', ['bothy', 'down'], { cwd: clone, env })
  expect(down.stderr + down.stdout).toMatch(/dev/)
  expect(processesMentioning(base)).toEqual([])
})
