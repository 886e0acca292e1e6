import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { startEmbedded } from '../../controller/store/embedded.ts'
import { prepare, settings, urlOf } from '../../controller/store/embedded-place.ts'
import { openDb, type Db } from '../../controller/store/pool.ts'
import { postgresFiles } from '../../controller/store/postgres-files.ts'
import { timed } from './bench.ts'
import type { Place } from './place.ts'
import { exitOf } from './programs.ts'

export interface Database {
  readonly url: string
  readonly db: Db
}

const CONNECTIONS = 8

/** The embedded server, started by us rather than by `bothy up`, so that we can read what it keeps. */
export async function openDatabase(place: Place): Promise<Database> {
  const server = await startEmbedded({ state: join(place.folder, 'database'), clock: systemClock, log: silentLog })
  place.onLeave(() => server.close())
  const db = openDb(server.url, { log: silentLog, clock: systemClock, max: CONNECTIONS })
  place.onLeave(() => db.close())
  return { url: server.url, db }
}

const READY_LOOK_MS = 1
const READY_LIMIT_MS = 30_000

/** The server of a state folder that nobody uses now, without our launcher: from spawn to the first answer, and from SIGINT to its end. */
export async function barePostgres(state: string): Promise<{ readonly startMs: number; readonly stopMs: number }> {
  const { place, servant } = await prepare(state)
  const files = await postgresFiles(place.folder)
  const url = await urlOf(place)
  const [command = '', ...args] = [...servant.prefix, join(files.bin, 'postgres'), '-D', place.data, ...settings(place, files.major, url)]
  const startedAt = systemClock.elapsedMs()
  const child = spawn(command, args, { ...servant.ids, cwd: place.data, env: { LC_ALL: 'C' }, stdio: 'ignore' })
  const exited = exitOf(child)
  try {
    await firstAnswer(url)
    const startMs = systemClock.elapsedMs() - startedAt
    child.kill('SIGINT')
    return { startMs, stopMs: await timed(() => exited) }
  } finally {
    child.kill('SIGQUIT')
    await exited
  }
}

async function firstAnswer(url: string): Promise<void> {
  const limitAt = systemClock.elapsedMs() + READY_LIMIT_MS
  for (;;) {
    const db = openDb(url, { log: silentLog, clock: systemClock, max: 1 })
    try {
      await db.query('select 1')
      return
    } catch (error) {
      if (systemClock.elapsedMs() > limitAt) throw error
      await systemClock.sleep(READY_LOOK_MS)
    } finally {
      await db.close()
    }
  }
}

/** The version of the newest write to any object. */
export async function objectVersion(db: Db): Promise<number> {
  const [row] = await db.query<{ version: string }>('select version from object_version')
  return Number(row?.version)
}
