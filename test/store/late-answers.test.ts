import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { openPasses } from '../../controller/store/passes.ts'
import { openTokens } from '../../controller/store/tokens.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { holding } from './holding.ts'

/** What is held in memory is read again at a hint; an answer that comes late must not bring back what is over. */

const { db } = await withDatabase()

test('a token that is revoked while all are read stays revoked', async () => {
  const { holds, hold, isHeld, letGo } = holding(db, (sql) => sql.includes('from tokens order by name'))
  const tokens = await openTokens({ db: holds, clock: systemClock })
  onTestFinished(() => tokens.close())
  const { text } = await tokens.create({ name: 'leaver', scope: 'read', namespaces: [], createdBy: 'ada', expiresAt: null })
  hold()
  await db.notify('bothy_tokens', '')
  await until('them to be read', isHeld)
  expect(await tokens.revoke('leaver')).toMatchObject({ name: 'leaver' })
  await letGo()
  expect(tokens.shown(text)).toBeNull()
})

test('a session that ends while those that ended are read has ended', async () => {
  const { holds, hold, isHeld, letGo } = holding(db, (sql) => sql.includes('select id from ended_passes'))
  const passes = await openPasses({ db: holds, clock: systemClock, key: Buffer.alloc(32, 7) })
  onTestFinished(() => passes.close())
  const text = passes.issue('Page', { user: 'ada', groups: [], target: 'page', by: '' })
  const pass = passes.read('Page', text)
  if (!pass) throw new Error('it cannot be read')
  hold()
  await db.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'bothy-listen'",
  )
  await until('them to be read', isHeld)
  await passes.end(pass)
  await letGo()
  expect(passes.read('Page', text)).toBeNull()
})
