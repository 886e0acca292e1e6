import { expect, test } from 'vitest'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { IMPORTED, openBench, saidBy, templateDraft, workspaceDraft } from './bench.ts'

const { db } = await withDatabase()
const WORKSPACES = 1000

/** Builds as they were: what the first look of each would have queued, and done. */
const ALL_BUILT = `
  update jobs set claimed_at = clock_timestamp(), started_at = clock_timestamp(), finished_at = clock_timestamp(), outcome = 'Succeeded',
    result = '{}', provisioner_id = 'p', lease_until = clock_timestamp(), progressed_at = clock_timestamp()
  where kind = 'build' and finished_at is null`

test('a thousand settled workspaces are all looked at after a restart in less than five seconds of work, and none is written', async () => {
  const first = await openBench(db)
  await first.provisioner()
  await first.apply(templateDraft())
  await first.finish(await first.claim(), IMPORTED)
  await first.becomes('Template', 'node', 'Ready', 'True Imported')
  for (let i = 0; i < WORKSPACES; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, j) => first.apply(workspaceDraft({}, `ws-${i + j}`))))
  }
  await until('every build to be queued', async () => (await first.jobs()).length === WORKSPACES + 1, { limitMs: 90_000 })
  await db.query(ALL_BUILT)
  first.engine.lookAtAll()
  const ready = () => first.cache.list('Workspace').filter((object) => saidBy(object, 'Ready') === 'True Running').length
  await until('every workspace to run', () => ready() === WORKSPACES && first.engine.depth() === 0, { limitMs: 90_000 })
  await until('the template to have counted them', () =>
    JSON.stringify(first.cache.get('Template', 'default', 'node')?.status).includes(`"running":${WORKSPACES}`),
  )
  await first.close()

  const before = await newestVersion()
  // What else the machine does is not counted.
  const started = process.cpuUsage()
  const second = await openBench(db)
  await until('everything to be looked at', () => second.engine.depth() === 0, { everyMs: 5 })
  const worked = process.cpuUsage(started)
  const looks = [...(await second.metrics.page()).matchAll(/bothy_reconcile_looks_total\{kind="Workspace",outcome="settled"\} (\d+)/g)].map(
    (match) => Number(match[1]),
  )
  await second.close()
  expect({ looks, written: (await newestVersion()) - before, inTime: worked.user + worked.system < 5_000_000 }).toEqual({
    looks: [WORKSPACES],
    written: 0,
    inTime: true,
  })
})

async function newestVersion(): Promise<number> {
  const [row] = await db.query<{ version: string }>('select version::text as version from object_version')
  return Number(row?.version)
}
