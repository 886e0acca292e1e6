import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createCronRuns } from '../../agent/cron-runs.ts'
import { controlHelloIn } from '../../agent/messages.ts'
import type { ManifestScript } from '../../agent/protocol.ts'
import { reportIn } from '../../controller/connect/messages.ts'
import { nextBySeconds } from '../../controller/kernel/cron.ts'
import { agentDetailsOf } from '../../controller/store/agent-details.ts'
import { appendAgentLogs, SOURCE_LOG_BYTES_MAX } from '../../controller/store/agent-logs.ts'
import { readLogs } from '../../controller/store/logs.ts'
import { steppedClock } from '../support/clock.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { makeAgent, reached, script, startAgent, type Made } from './world.ts'

const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

const at = (text: string) => Date.parse(text)

test('six fields name seconds, and what is no pattern has no next run', () => {
  const now = new Date(2026, 10, 21, 8, 0, 0).getTime()
  expect(nextBySeconds('*/15 * * * * *', now)).toBe(now + 15_000)
  expect(nextBySeconds('30 5 9 * * *', now)).toBe(new Date(2026, 10, 21, 9, 5, 30).getTime())
  expect(nextBySeconds('nonsense', now)).toBeNull()
  expect(nextBySeconds('0 0 0 30 2 *', now)).toBeNull()
})

test('a script on a schedule never runs beside itself, and not any more when it is gone', async () => {
  const clock = steppedClock(at('2026-11-21T08:00:00Z'))
  const said: string[] = []
  const ran: number[] = []
  const ends: (() => void)[] = []
  const finish = () => {
    ends.pop()?.()
    return clock.step(0)
  }
  const runs = createCronRuns({
    clock,
    reports: { log: (_source, _level, text) => said.push(text) },
    run: () => {
      ran.push((clock.now() - at('2026-11-21T08:00:00Z')) / 1000)
      return new Promise<void>((done) => ends.push(done))
    },
  })
  const every: ManifestScript = { ...script('tick', ''), on: 'cron', cron: '*/10 * * * * *' }
  runs.schedule([every])
  await clock.step(10_000)
  await clock.step(10_000)
  expect({ ran, said }).toEqual({ ran: [10], said: ['is still running: this run of its schedule is left out'] })
  await finish()
  await clock.step(10_000)
  expect(ran).toEqual([10, 30])
  await finish()
  runs.schedule([every])
  await clock.step(10_000)
  expect(ran).toEqual([10, 30, 40])
  await finish()
  runs.schedule([])
  await clock.step(60_000)
  expect(ran).toEqual([10, 30, 40])
})

const metadata = (key: string, text: string, over: object = {}) => ({
  key,
  displayName: '',
  script: text,
  intervalSeconds: 1,
  timeoutSeconds: 10,
  ...over,
})

const line = (source: string, text: string) => ({ at: 1000, source, level: 'info' as const, text })

const valuesOf = async (made: Made) => (await agentDetailsOf(db, [made.id])).get(made.id)!.metadata

test('schedules, log files and metadata of a real agent, with errors, limits and what is cut', async () => {
  const made = await makeAgent(db, {
    scripts: [
      script('tick', 'echo tick', { on: 'cron', cron: '* * * * * *', logPath: 'tick.log' }),
      script('start', 'echo begun', { logPath: '~/start.log' }),
    ],
    metadata: [
      metadata('load', 'echo 0.5'),
      metadata('count', 'echo x >> count; wc -l < count'),
      metadata('bad', 'echo partly; echo oh no >&2; exit 3'),
      metadata('slow', 'sleep 60', { timeoutSeconds: 1 }),
      metadata('long', `head -c 5000 /dev/zero | tr '\\0' 'ü'`),
      metadata('python', '#!/usr/bin/env python3\nprint("from python")', { intervalSeconds: 0 }),
      metadata('k'.repeat(7000), 'echo never'),
    ],
  })
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  const values = await until('every value', async () => {
    const found = await valuesOf(made)
    return found.length === 6 && Number(found.find(({ key }) => key === 'count')?.value) >= 2 ? found : null
  })
  const of = (key: string) => values.find((value) => value.key === key)!
  expect(of('load')).toMatchObject({ value: '0.5', error: '' })
  expect(of('bad')).toMatchObject({ value: 'partly', error: 'oh no' })
  expect(of('slow')).toMatchObject({ value: '', error: 'did not end within 1s' })
  expect(of('python')).toMatchObject({ value: 'from python', error: '' })
  expect(Buffer.byteLength(of('long').value)).toBeLessThanOrEqual(2048)
  const log = join(agent.home, '.bothy/log/tick.log')
  await until('two ticks', () => existsSync(log) && readFileSync(log, 'utf8').startsWith('tick\ntick\n'))
  expect(readFileSync(join(agent.home, 'start.log'), 'utf8')).toBe('begun\n')
  const rows = await until('what was said', async () => {
    const found = await readLogs(db, made.jobId, null, 500, { agent: 'main', source: 'tick' })
    return found.length > 1 ? found : null
  })
  expect(rows[0]).toMatchObject({ agent: 'main', source: 'tick', stage: 'agent: tick', text: 'tick' })
})

test('each source of an agent has its own mebibyte with a build, and sources have an end', async () => {
  const made = await makeAgent(db)
  const author = { id: made.id, name: 'main', workspaceUid: made.workspace }
  for (let i = 0; i < 12; i += 1)
    await appendAgentLogs(
      db,
      author,
      Array.from({ length: 100 }, () => line('loud', 'x'.repeat(999))),
    )
  await appendAgentLogs(db, author, [line('quiet', 'here')])
  const loud = await readLogs(db, made.jobId, null, 5000, { agent: null, source: 'loud' })
  expect(loud.length).toBe(Math.floor(SOURCE_LOG_BYTES_MAX / 1000) + 1)
  expect(loud.at(-1)).toMatchObject({ level: 'warn', text: 'said more than 1 MiB: what follows is not kept until the next build' })
  expect(await readLogs(db, made.jobId, null, 10, { agent: null, source: 'quiet' })).toHaveLength(1)
  for (let i = 0; i < 100; i += 1) await appendAgentLogs(db, author, [line(`made-up-${i}`, 'x')])
  const [{ count } = { count: '' }] = await db.query<{ count: string }>('select count(*) from agent_log_sources where agent_id = $1', [
    made.id,
  ])
  expect(count).toBe('64')
})

test('one minor version older or newer is understood, both ways', () => {
  const old = { scripts: [{ name: 'a', script: 'b', on: 'start', timeoutSeconds: 3, blocksLogin: true }], env: { A: '1' }, dir: '/x' }
  expect(controlHelloIn({ protocol: '1.1', manifest: old })).toEqual({
    protocol: '1.1',
    complete: true,
    manifest: {
      scripts: [{ name: 'a', script: 'b', on: 'start', cron: null, timeoutSeconds: 3, logPath: '', blocksLogin: true }],
      env: { A: '1' },
      dir: '/x',
      metadata: [],
      apps: [],
      sshHostKey: '',
    },
  })
  const newer = {
    ...old,
    scripts: [...old.scripts, { name: 'c', script: 'd', on: 'moonrise' }],
    volumes: [{}],
    apps: [{ slug: 's', shape: 'round' }],
  }
  const understood = controlHelloIn({ protocol: '1.3', complete: false, weather: 'fine', manifest: newer })
  expect(understood).toMatchObject({ complete: false, manifest: { apps: [{ slug: 's', url: '', command: '', healthcheck: null }] } })
  expect(understood!.manifest.scripts).toHaveLength(1)
  expect(controlHelloIn({ protocol: '1.3', manifest: { scripts: 'all' } })).toBeNull()

  expect(reportIn({ seq: 4, at: 5, kind: 'weather', value: {} })).toEqual({ seq: 4, kind: null })
  expect(reportIn({ seq: 4, at: 5, kind: 'lifecycle', lifecycle: 'Ready' })).toBeNull()
  const use = { by: 'ada', from: 1, until: 2 }
  expect(
    reportIn({
      seq: 4,
      at: 5,
      kind: 'stats',
      uses: [
        { ...use, kind: 'Ssh' },
        { ...use, kind: 'Hologram' },
      ],
    }),
  ).toMatchObject({
    uses: [{ ...use, kind: 'Ssh' }],
  })
  expect(reportIn({ seq: 4, at: 5, kind: 'metadata', key: 'k', value: 'x'.repeat(2049), error: '' })).toBeNull()
})
