import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startOf } from '../../controller/kernel/pids.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { until } from '../support/until.ts'

const SUPERVISOR = fileURLToPath(new URL('../../agent/supervise.sh', import.meta.url))

let folder: string
let running: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bothy-supervise-'))
})
afterEach(() => {
  for (const child of running) {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }
  running = []
  rmSync(folder, { recursive: true, force: true })
})

function supervise(program: string) {
  const file = join(folder, 'program')
  writeFileSync(file, program)
  const child = spawn('/bin/sh', [SUPERVISOR, '/bin/sh', file], { cwd: folder, detached: true, stdio: 'ignore' })
  running.push(child)
  const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
  return { child, ended }
}

/** Whole ones: a shell makes the file before it writes into it. */
const lines = (name: string): string[] => {
  try {
    return readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1)
  } catch {
    return []
  }
}

test.each([0, 77])('a program that ends with %i ends it', async (code) => {
  expect(await supervise(`echo run >> runs; exit ${code}`).ended).toEqual(code)
  expect(lines('runs')).toEqual(['run'])
})

test('a program that crashes is started again after a second, then two', async () => {
  const startedAt = systemClock.elapsedMs()
  expect(await supervise('echo run >> runs; [ "$(wc -l < runs)" -lt 3 ] || exit 0; exit 1').ended).toEqual(0)
  expect(lines('runs')).toHaveLength(3)
  expect(systemClock.elapsedMs() - startedAt).toBeGreaterThan(2900)
})

test('a program that is killed is started again', async () => {
  const { child } = supervise('echo $$ >> runs; exec sleep 60')
  const [first = ''] = await until('the first run', () => (lines('runs').length >= 1 ? lines('runs') : null))
  process.kill(Number(first), 'SIGKILL')
  await until('the second run', () => lines('runs').length >= 2)
  expect(startOf(child.pid ?? 0)).not.toBeNull()
})

test('TERM is passed on, and it waits for the program to finish', async () => {
  const { child, ended } = supervise(
    'trap "sleep 0.5; echo finished > end; exit 3" TERM; echo run >> runs; while :; do sleep 60 & wait $!; kill $!; done',
  )
  await until('the run', () => lines('runs').length === 1)
  child.kill('SIGTERM')
  expect(await ended).toEqual(0)
  expect(lines('end')).toEqual(['finished'])
})

test('TERM between two runs ends it without another', async () => {
  const { child, ended } = supervise('echo run >> runs; exit 1')
  await until('the run', () => lines('runs').length === 1)
  child.kill('SIGTERM')
  expect(await ended).toEqual(0)
  expect(lines('runs')).toEqual(['run'])
})
