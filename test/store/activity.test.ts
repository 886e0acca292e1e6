import { beforeEach, expect, test } from 'vitest'
import { activities, agentToldActivity, noteActivity, type Activity } from '../../controller/store/activity.ts'
import { NO_MANIFEST } from '../../controller/store/agent-manifests.ts'
import { agentConnected, agentMade, agentsOf } from '../../controller/store/agents.ts'
import { databaseNow } from '../../controller/store/pool.ts'
import { prune } from '../../controller/store/retention.ts'
import { answersTo } from '../../controller/store/questions.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { claimed, queued } from './samples.ts'

const { db } = await withDatabase()
const AT = Date.parse('2026-11-21T08:00:00Z')
const SECOND = 1000
const DAY = 86_400 * SECOND
const RUN = 'run-1'
let builds = 0
beforeEach(async () => {
  await db.query('truncate jobs, agents, activity cascade')
  builds += 1
  await queued(db, 'dev', { number: builds })
  const { job } = await claimed(db)
  const manifest = NO_MANIFEST
  const key = 'Workspace/default/dev'
  await agentMade(db, { id: 'agent', workspaceUid: 'uid-dev', workspaceKey: key, jobId: job.id, tokenHash: 'a'.repeat(64), manifest })
  await agentConnected(db, 'agent', { runId: RUN, replica: 'r', version: '1' })
})

const use = (from: number, till: number, over: Partial<Activity> = {}): Activity => ({
  kind: 'Terminal',
  actor: 'ada',
  from: AT + from * SECOND,
  until: AT + till * SECOND,
  ...over,
})
const rows = async () =>
  (
    await db.query<{ kind: string; actor: string; from: number; until: number }>(
      `select kind, actor, from_at as from, until_at as until from activity order by from_at, kind`,
    )
  ).map(({ kind, actor, from, until: till }) => [kind, actor, (from - AT) / SECOND, (till - AT) / SECOND])

test('intervals of one person and kind become one where they touch, in any order', async () => {
  await noteActivity(db, 'w', [use(0, 30), use(200, 230), use(60, 90), use(60, 90, { kind: 'Process' }), use(20, 40, { actor: 'bob' })])
  await noteActivity(db, 'w', [use(85, 120)])
  expect(await rows()).toEqual([
    ['Terminal', 'ada', 0, 120],
    ['Terminal', 'bob', 20, 40],
    ['Process', 'ada', 60, 90],
    ['Terminal', 'ada', 200, 230],
  ])
  await noteActivity(db, 'w', [use(150, 170)])
  expect(await rows()).toContainEqual(['Terminal', 'ada', 0, 230])
})

test('the same use told twenty times at once is one interval', async () => {
  await Promise.all(Array.from({ length: 20 }, (_, i) => noteActivity(db, 'w', [use(i, i + 30)])))
  expect(await rows()).toEqual([['Terminal', 'ada', 0, 49]])
})

test('the newest of each kind and the newest of all, for many workspaces in one question', async () => {
  await noteActivity(db, 'one', [use(0, 30), use(500, 530, { actor: 'bob' }), use(900, 910, { kind: 'Process' })])
  await noteActivity(db, 'two', [use(5, 6, { kind: 'Ssh', actor: '' })])
  expect((await answersTo(db, { activities }, ['one', 'two', 'three'])).activities).toEqual(
    new Map([
      [
        'one',
        {
          lastUsedAt: AT + 910 * SECOND,
          sources: [
            { kind: 'Process', at: AT + 910 * SECOND, by: 'ada' },
            { kind: 'Terminal', at: AT + 530 * SECOND, by: 'bob' },
          ],
        },
      ],
      ['two', { lastUsedAt: AT + 6 * SECOND, sources: [{ kind: 'Ssh', at: AT + 6 * SECOND, by: '' }] }],
    ]),
  )
})

test('an agent in steady use wakes its workspace every five minutes; silence that ends, at once', async () => {
  const woken: string[] = []
  const stop = await db.listen(
    'bothy_keys',
    (key) => woken.push(key),
    () => {},
  )
  const told = async (seconds: number, used: boolean) => {
    woken.length = 0
    await agentToldActivity(db, 'agent', RUN, used ? [use(seconds - 30, seconds)] : [], AT + seconds * SECOND)
    await db.notify('bothy_keys', 'mark')
    await until('the mark', () => woken.includes('mark'))
    return woken.length === 2
  }
  const wakes: number[] = []
  for (let seconds = 0; seconds <= 900; seconds += 30) if (await told(seconds, true)) wakes.push(seconds)
  expect(wakes).toEqual([0, 330, 660])
  expect([await told(930, false), await told(991, false), await told(1000, true)]).toEqual([false, true, false])
  expect((await agentsOf(db, 'uid-dev'))[0]?.reportedAt).toBe(AT + 1000 * SECOND)
  await stop()
})

test('what another run says, or what is said of last month or tomorrow, is no evidence', async () => {
  await agentToldActivity(db, 'agent', 'run-0', [use(0, 30)], AT)
  await agentToldActivity(db, 'agent', RUN, [use(-40 * 86_400, -39 * 86_400), use(86_400, 86_401)], AT)
  expect(await rows()).toEqual([])
})

test('kept for thirty days, and the newest of each kind for a year', async () => {
  const now = await databaseNow(db)
  const ago = (days: number, over: Partial<Activity> = {}): Activity => ({
    ...use(0, 0),
    from: now - days * DAY,
    until: now - days * DAY,
    ...over,
  })
  await noteActivity(db, 'w', [ago(1), ago(29), ago(31), ago(40, { kind: 'Ssh' }), ago(50, { kind: 'Ssh' }), ago(400, { kind: 'Ide' })])
  expect(await prune(db, now)).toEqual({ activity: 3 })
  expect((await answersTo(db, { activities }, ['w'])).activities.get('w')?.sources.map(({ kind }) => kind)).toEqual(['Terminal', 'Ssh'])
})
