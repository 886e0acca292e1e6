import { expect, test } from 'vitest'
import { NO_MANIFEST } from '../../controller/store/agent-manifests.ts'
import { activities, noteActivity } from '../../controller/store/activity.ts'
import { agentMade, agentsOfAll } from '../../controller/store/agents.ts'
import { histories } from '../../controller/store/build-histories.ts'
import { finishJob, requestCancel, startJob } from '../../controller/store/jobs.ts'
import { keepLife, lives } from '../../controller/store/lives.ts'
import { allProvisioners, heartbeatProvisioner } from '../../controller/store/provisioners.ts'
import { answersTo } from '../../controller/store/questions.ts'
import { isSet, putSetting } from '../../controller/store/settings.ts'
import { NO_LIFE } from '../../controller/reconcile/workspace/life.ts'
import { withDatabase } from '../support/postgres.ts'
import { claimed, queued } from './samples.ts'

const { db } = await withDatabase()

const QUESTIONS = { histories: histories(5), agentsOfAll, activities, lives, allProvisioners, isDown: isSet('down') }

/** Whatever a column of time may be, it is something here. */
async function withEveryInstant(table: string): Promise<void> {
  const columns = await db.query<{ name: string }>(
    `select column_name as name from information_schema.columns
     where table_schema = current_schema() and table_name = $1 and data_type = 'timestamp with time zone'`,
    [table],
  )
  expect(columns.length).toBeGreaterThan(0)
  await db.query(`update ${table} set ${columns.map(({ name }) => `${name} = clock_timestamp()`).join(', ')}`)
}

test('what is asked together is answered as if each had been asked alone', async () => {
  const { id } = await queued(db, 'dev')
  const claim = await claimed(db)
  await startJob(db, claim)
  await requestCancel(db, id, 'ada')
  await finishJob(db, claim, { phase: 'Canceled', reason: null, error: null, state: null, agents: null, result: {} })
  const manifest = NO_MANIFEST
  await agentMade(db, { id: 'a', workspaceUid: 'uid-dev', workspaceKey: 'k', jobId: id, tokenHash: 'a'.repeat(64), manifest })
  await db.query('update agents set confirmed = true')
  await noteActivity(db, 'uid-dev', [{ kind: 'Ssh', actor: 'ada', from: 1_000, until: 2_000 }])
  await keepLife(db, 'uid-dev', 'k', { ...NO_LIFE, deleteDormantAfterMs: 86_400_000, holdReason: '2026-11-21T08:00:00+00:00' })
  await heartbeatProvisioner(db, { id: 'p', name: 'p', labels: { a: 'b' }, version: '1', capacity: 1, isolation: 'none' })
  await putSetting(db, 'down', true)
  for (const table of ['agents', 'lives', 'provisioners']) await withEveryInstant(table)

  const uids = ['uid-dev', 'uid-none']
  const together = await answersTo(db, QUESTIONS, uids)
  const alone = async <Row, Answer>({ text, answer }: { text: string; answer: (rows: readonly Row[]) => Answer }) =>
    answer(await db.query<Row>(text, text.includes('$1') ? [uids] : []))
  expect(together.histories.get('uid-dev')?.builds).toHaveLength(1)
  expect(together).toEqual({
    histories: await alone(QUESTIONS.histories),
    agentsOfAll: await alone(agentsOfAll),
    activities: await alone(activities),
    lives: await alone(lives),
    allProvisioners: await alone(allProvisioners),
    isDown: true,
  })
  expect([together.agentsOfAll.size, together.activities.size, together.lives.size, together.allProvisioners.length]).toEqual([1, 1, 1, 1])
})

test('where there is nothing, the answers are empty', async () => {
  const { histories: none, lives: noLives } = await answersTo(db, { histories: QUESTIONS.histories, lives }, ['uid-none'])
  expect([none.size, noLives.size]).toEqual([0, 0])
})
