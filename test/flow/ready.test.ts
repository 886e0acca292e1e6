import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { startEmbedded } from '../../controller/store/embedded.ts'
import { openDb } from '../../controller/store/pool.ts'
import { killQuietly, temporaryHome } from '../support/bothy.ts'
import { freePort } from '../support/ports.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** What /readyz says of a control plane whose database is elsewhere, while it is migrated, gone, and back. */

const MIGRATION_LOCK = 7_080_001

const pressed = (pid: number): false => {
  killQuietly(pid, 'SIGINT')
  return false
}

/** A Postgres of its own, and somebody else who holds the lock of migrations until released. */
async function migrating() {
  const place = temporaryFolder()
  const start = () => startEmbedded({ state: place, clock: systemClock, log: silentLog })
  const server = await start()
  onTestFinished(() => server.close())
  const other = openDb(server.url, { log: silentLog, clock: systemClock, max: 1 })
  const [held, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const holding = other.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    held.resolve()
    await release.promise
  })
  await held.promise
  const done = async () => {
    release.resolve()
    await holding
    await other.close()
  }
  onTestFinished(done)
  return { server, start, done }
}

test('a second Ctrl-C while it starts goes at once, and leaves nothing', async () => {
  const { server } = await migrating()
  const home = temporaryHome({ DATABASE_URL: server.url })
  const upping = home.up()
  const pid = await until('it to wait for the lock', async () => {
    const found = home.processes().find(({ command }) => command.includes('main.ts up'))
    return found && readFileSync(join(home.state, 'bothy.log'), 'utf8').includes('the API is open') ? found.pid : null
  })
  process.kill(pid, 'SIGINT')
  // Pressed again until it is heard: what comes within 300 ms of the first, as the process sees it, is the same wish.
  const ended = upping.then(() => true)
  await until('it to go at a wish of its own', async () => (await Promise.race([ended, false])) || pressed(pid), { everyMs: 400 })
  const up = await upping
  expect({ code: up.exited(), said: up.output() }).toEqual({
    code: 130,
    said: 'ending as soon as it has started; Ctrl-C again goes at once\n',
  })
  await until('nothing of its own to be left', () => home.processes().length === 0)
})

test('it answers while a migration runs, names a database that is away, and is ready again when that is back', async () => {
  const { server, start, done } = await migrating()
  const port = await freePort()
  const home = temporaryHome({ DATABASE_URL: server.url })
  const upping = home.up('--port', String(port))
  const ask = async (path: string, token?: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: token ? { authorization: `Bearer ${token}` } : {} })
    return {
      code: answer.status,
      retryAfter: answer.headers.get('retry-after'),
      message: ((await answer.json()) as { message?: string }).message,
    }
  }
  const opening = { code: 503, retryAfter: '1', message: 'not ready: migration (the database is being opened and brought up to date)' }
  await until('the API to answer', async () => (await ask('/healthz')).code === 200)
  expect(await ask('/readyz')).toEqual(opening)
  const token = readFileSync(join(home.state, 'token'), 'utf8').trim()
  expect(await ask('/apis/bothy.dev/v1alpha1/workspaces', token)).toEqual(opening)
  expect((await ask('/apis/bothy.dev/v1alpha1/workspaces')).code).toBe(401)

  await done()
  const up = await upping
  expect(await ask('/readyz')).toEqual({ code: 200, retryAfter: null, message: undefined })

  await server.close()
  const away = await until('readyz to name the database', async () => {
    const answer = await ask('/readyz')
    return answer.code === 503 ? answer : null
  })
  expect(away.message).toBe('not ready: database')
  expect((await ask('/readyz', token)).message).toMatch(/^not ready: database \(/)
  expect((await ask('/healthz')).code).toBe(200)
  expect(await ask('/apis/bothy.dev/v1alpha1/workspaces', token)).toMatchObject({ code: 503, retryAfter: '1' })

  const again = await start()
  onTestFinished(() => again.close())
  await until('readyz to be content again', async () => (await ask('/readyz')).code === 200)
  expect(await up.end()).toBe(0)
})
