import { expect, test } from 'vitest'
import type { Report } from '../../agent/protocol.ts'
import { createKeeper } from '../../controller/connect/keep-reports.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { agentDetailsOf } from '../../controller/store/agent-details.ts'
import { wholeManifest, type AgentApp } from '../../controller/store/agent-manifests.ts'
import { agentConnected } from '../../controller/store/agents.ts'
import { settleAgents } from '../../controller/store/agents-of-outcome.ts'
import { withDatabase } from '../support/postgres.ts'
import { makeAgent, rowOf } from './world.ts'

const { db } = await withDatabase()

const app = (slug: string, checked: boolean): AgentApp => ({
  slug,
  url: 'http://localhost:1',
  command: '',
  healthcheck: checked ? { url: 'http://localhost:1', intervalSeconds: 1, threshold: 1 } : null,
  displayName: '',
  icon: '',
  share: 'owner',
  subdomain: false,
  external: false,
  hidden: false,
  order: 0,
  group: '',
  openIn: 'tab',
  tooltip: '',
})

const value = (seq: number, key: string, text: string): Report => ({ seq, at: 1, kind: 'metadata', key, value: text, error: '' })

test('of what an agent says only what its template declares is kept, of its present run, and it goes with a stop', async () => {
  const metadata = [{ key: 'load', displayName: '', script: 'x', intervalSeconds: 1, timeoutSeconds: 1 }]
  const made = await makeAgent(db, { metadata, apps: [app('web', true), app('plain', false)] })
  await agentConnected(db, made.id, { runId: 'run', replica: 'one', version: '1' })
  const row = await rowOf(db, made)
  const keep = createKeeper(db, systemClock, { agent: () => row, runId: 'run' })
  const at = systemClock.now()
  await keep([value(1, 'load', '1'), value(2, 'load', `2\u0000\u001b[31m${'é'.repeat(2000)}`), value(3, 'other', 'x')], at)
  await keep(
    [
      { seq: 4, at: 1, kind: 'app', slug: 'web', health: 'Unhealthy' },
      { seq: 5, at: 1, kind: 'app', slug: 'plain', health: 'Healthy' },
    ],
    at,
  )
  const former = createKeeper(db, systemClock, { agent: () => row, runId: 'before' })
  await former([value(6, 'load', 'of a former run'), { seq: 7, at: 1, kind: 'app', slug: 'web', health: 'Healthy' }], at)

  const kept = (await agentDetailsOf(db, [made.id])).get(made.id)!.metadata
  expect(kept).toEqual([{ key: 'load', value: expect.stringMatching(/^2é+$/), error: '', at: expect.any(Number) }])
  expect(Buffer.byteLength(kept[0]!.value)).toBeLessThanOrEqual(2048)
  expect((await rowOf(db, made)).appHealth).toEqual({ web: 'Unhealthy' })

  await db.transaction((tx) => settleAgents(tx, made.workspace, true))
  expect((await agentDetailsOf(db, [made.id])).get(made.id)!.metadata).toEqual([])
  expect((await rowOf(db, made)).appHealth).toEqual({})
})

test('an agent that says values without end waits for us, and so for itself', async () => {
  const made = await makeAgent(db)
  const row = await rowOf(db, made)
  let waited = 0
  const clock = { ...systemClock, elapsedMs: () => waited, sleep: async (ms: number) => void (waited += ms) }
  const keep = createKeeper(db, clock, { agent: () => row, runId: 'run' })
  for (let seq = 1; seq <= 30; seq += 1) await keep([value(seq, 'k', 'v')], 0)
  expect(waited).toBe(0)
  for (let seq = 31; seq <= 60; seq += 1) await keep([value(seq, 'k', 'v')], 0)
  expect(waited).toBe(30 * 300)
})

test('rows of an earlier version get what came later, empty', () => {
  const old = { scripts: [{ name: 's', script: 'x', on: 'start' as const, timeoutSeconds: 1, blocksLogin: true }], env: {}, dir: '/d' }
  expect(wholeManifest(old)).toEqual({
    scripts: [{ name: 's', script: 'x', on: 'start', cron: null, timeoutSeconds: 1, logPath: '', blocksLogin: true }],
    env: {},
    dir: '/d',
    connectionTimeoutSeconds: 120,
    metadata: [],
    apps: [],
    devcontainers: [],
    resource: '',
    complete: true,
  })
})
