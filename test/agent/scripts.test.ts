import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { wishShutdown } from '../../controller/store/agents.ts'
import { readLogs } from '../../controller/store/logs.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { person } from './person.ts'
import { makeAgent, reached, script, startAgent, type Made } from './world.ts'

const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

/** Lines of scripts in the log of the newest build, without the times that vary. */
async function said(made: Made, count: number): Promise<string[]> {
  const rows = await until(`${count} lines in the log`, async () => {
    const rows = await readLogs(db, made.jobId, null, 100)
    return rows.length >= count ? rows : null
  })
  return rows.map(({ stage, level, text }) => `${stage} ${level} ${text.replace(/ in \d+m?s$/, ' in …')}`).sort()
}

test('start scripts run side by side, and what they say is in the log of the build', async () => {
  const made = await makeAgent(db, {
    scripts: [
      script('first', 'until test -e "$HOME/second"; do sleep 0.02; done; echo both ran'),
      script(
        'second',
        '#!/usr/bin/env python3\nimport os, sys\nopen(os.environ["HOME"] + "/second", "w")\nprint("from python", file=sys.stderr)',
      ),
    ],
  })
  startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  expect(await said(made, 4)).toEqual([
    'agent: first info both ran',
    'agent: first info done in …',
    'agent: second info done in …',
    'agent: second warn from python',
  ])
})

test('a start script that fails is said, and the workspace can be used', async () => {
  const made = await makeAgent(db, { scripts: [script('good', 'true'), script('bad', 'echo oh no >&2; exit 3')] })
  startAgent(made, plane.url)
  const row = await reached(db, made, 'StartError')
  expect(row.message).toBe('script bad exited with 3')
  const someone = person(plane.url, made, ['echo', 'usable'], { input: '' })
  expect(await someone.code).toBe(0)
  expect(await said(made, 3)).toEqual(['agent: bad error exited with 3', 'agent: bad warn oh no', 'agent: good info done in …'])
})

test('names of any length, and more failures than one message holds, keep nobody from being heard', async () => {
  const names = ['a', 'b', 'c'].map((letter) => letter.repeat(5000))
  const made = await makeAgent(db, { scripts: names.map((name) => script(name, 'echo heard; exit 3')) })
  startAgent(made, plane.url)
  const row = await reached(db, made, 'StartError')
  expect(row.message).toMatch(/^script a{1000}/)
  expect((await said(made, 6)).filter((line) => line.endsWith(' info heard')).map((line) => line.length)).toEqual([274, 274, 274])
})

test('a script that cannot be written down for its interpreter is said, and the agent lives on', async () => {
  const made = await makeAgent(db, { scripts: [script('first', '#!/bin/sh\ntrue')] })
  const agent = startAgent(made, plane.url, { env: { TMPDIR: '/dev/null' } })
  const row = await reached(db, made, 'StartError')
  expect(row.message).toMatch(/^script first could not be started: ENOTDIR/)
  const someone = person(plane.url, made, ['echo', 'usable'], { input: '' })
  expect(await someone.code).toBe(0)
  expect(agent.output()).toBe('')
})

test('a start script that takes too long is ended with everything it started', async () => {
  const made = await makeAgent(db, { scripts: [script('slow', 'sleep 1000 & echo $! > "$HOME/pid"; wait', { timeoutSeconds: 1 })] })
  const agent = startAgent(made, plane.url)
  const row = await reached(db, made, 'StartTimeout')
  expect(row.message).toBe('script slow did not end within 1s')
  const pid = readFileSync(join(agent.home, 'pid'), 'utf8').trim()
  await until('what it started to be gone', () => !existsSync(`/proc/${pid}`))
})

test('asked to shut down, an agent runs its stop scripts once, and again not when it ends', async () => {
  const made = await makeAgent(db, { scripts: [script('bye', 'echo ran >> "$HOME/bye"', { on: 'stop' })] })
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  await wishShutdown(db, made.workspace)
  await reached(db, made, 'Off')
  agent.signal('SIGTERM')
  expect(await agent.exited).toBe(0)
  expect(readFileSync(join(agent.home, 'bye'), 'utf8')).toBe('ran\n')
})

test('a shutdown that was wished while the agent was away is done when it comes', async () => {
  const made = await makeAgent(db, { scripts: [script('bye', 'exit 4', { on: 'stop' })] })
  await wishShutdown(db, made.workspace)
  startAgent(made, plane.url)
  const row = await reached(db, made, 'ShutdownError')
  expect(row.message).toBe('script bye exited with 4')
})

test('an agent that is told to end runs its stop scripts, says so, ends what it runs and exits 0', async () => {
  const made = await makeAgent(db, {
    scripts: [script('server', 'sleep 1000 > /dev/null 2>&1 &\necho $! > "$HOME/server"'), script('bye', 'echo closing', { on: 'stop' })],
  })
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  const someone = person(plane.url, made, ['sh', '-c', 'trap "" TERM HUP; echo $$; sleep 1000'])
  const pid = await until('the pid of a command', () => someone.stdout().trim() || null)
  someone.code.catch(() => {})
  agent.signal('SIGTERM')
  expect(await agent.exited).toBe(0)
  await reached(db, made, 'Off')
  expect(await said(made, 3)).toContain('agent: bye info closing')
  const server = readFileSync(join(agent.home, 'server'), 'utf8').trim()
  await until('both to be gone', () => !existsSync(`/proc/${pid}`) && !existsSync(`/proc/${server}`))
})

test('an agent that crashed begins anew, and runs its start scripts again', async () => {
  const made = await makeAgent(db, { scripts: [script('start', 'true')] })
  const first = startAgent(made, plane.url)
  const { runId } = await reached(db, made, 'Ready')
  first.signal('SIGKILL')
  await first.exited
  await until('it to be seen', async () => (await reached(db, made, 'Ready')).disconnectedAt !== null)
  startAgent(made, plane.url)
  const again = await until('another run', async () => {
    const row = await reached(db, made, 'Ready')
    return row.runId === runId ? null : row
  })
  expect(again.lifecycle).toBe('Ready')
})
