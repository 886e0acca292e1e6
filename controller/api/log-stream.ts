import type { ServerResponse } from 'node:http'
import { Refused } from '../kernel/errors.ts'
import { keyOf, type Key } from '../kernel/names.ts'
import { buildsOf, jobById } from '../store/jobs.ts'
import { readLogs, type LogFilter } from '../store/logs.ts'
import type { Job } from '../store/records.ts'
import type { Call, ResourceHandler } from './ports.ts'
import { existing } from './resources.ts'

/** What a build said, one row a line. Followed, the stream ends with the build. */

const ROWS_AT_ONCE = 1000
const BUILDS_SEARCHED = 200
const FILTER_LENGTH_MAX = 256
/** Notifications are hints; this is how late a lost one is made up for. */
const LOOK_EVERY_MS = 2_000

export const streamLog: ResourceHandler = async (call, target) => {
  const number = numberAsked(call.query)
  const follow = ['true', '1'].includes(call.query.get('follow') ?? '')
  const filter = filterOf(call.query)
  const { uid, name } = (await existing(call, target)).metadata
  const found = await buildAsked(call, uid, number)
  if (!found && !follow) throw new Refused('NotFound', `workspace "${name}" has ${number === null ? 'no build yet' : `no build ${number}`}`)
  call.response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  call.response.flushHeaders()
  if (follow)
    await followed(
      call,
      keyOf(target.kind.kind, target.namespace ?? '', name),
      filter,
      async () => found ?? (await buildAsked(call, uid, number)),
    )
  else if (found) await sendRows(call, found.id, null, filter)
  call.response.end()
}

export function numberAsked(query: URLSearchParams): number | null {
  const text = query.get('build')
  if (text === null || text === '') return null
  if (!/^\d{1,9}$/.test(text))
    throw new Refused('BadRequest', `build: Invalid value: ${JSON.stringify(text)}: must be the number of a build`)
  return Number(text)
}

export async function buildAsked({ ports }: Call, workspaceUid: string, number: number | null): Promise<Job | null> {
  const builds = await buildsOf(ports.db, workspaceUid, number === null ? 1 : BUILDS_SEARCHED)
  return builds.find((build) => number === null || build.number === number) ?? null
}

/** Only what one agent said, or one of its scripts. */
function filterOf(query: URLSearchParams): LogFilter {
  const [agent, source] = ['agent', 'source'].map((name) => query.get(name)?.slice(0, FILTER_LENGTH_MAX) || null)
  return { agent: agent ?? null, source: source ?? null }
}

/** What its agents say belongs to the newest build, as long as they run: a start that succeeded. */
async function agentsGoOn(call: Call, job: Job): Promise<boolean> {
  const wanted = ['true', '1'].includes(call.query.get('agents') ?? '')
  if (!wanted || job.transition !== 'start' || job.phase !== 'Succeeded') return false
  const [newest] = await buildsOf(call.ports.db, job.subject.uid, 1)
  return newest?.id === job.id
}

async function followed(call: Call, key: Key, filter: LogFilter, find: () => Promise<Job | null>): Promise<void> {
  const { ports, signal } = call
  let hint = new AbortController()
  const wakeUp = () => hint.abort()
  // Rows are told on one channel, the end of a build with the other changes of its workspace.
  const stops = await Promise.all([
    ports.db.listen('bothy_logs', wakeUp, wakeUp),
    ports.db.listen('bothy_keys', (changed) => changed === key && wakeUp(), wakeUp),
  ])
  signal.addEventListener('abort', wakeUp)
  try {
    let after: string | null = null
    let job: Job | null = null
    while (!signal.aborted) {
      hint = new AbortController()
      job = job ? await jobById(ports.db, job.id) : await find()
      // Whether it is over is asked before its rows are read: the last of them were written before its end.
      const goesOn = job && job.finishedAt !== null ? await agentsGoOn(call, job) : true
      if (job) after = await sendRows(call, job.id, after, filter)
      if (!goesOn) return
      await ports.clock.sleep(LOOK_EVERY_MS, hint.signal)
    }
  } finally {
    signal.removeEventListener('abort', wakeUp)
    await Promise.all(stops.map((stop) => stop()))
  }
}

async function sendRows({ ports, response, signal }: Call, jobId: string, from: string | null, filter: LogFilter): Promise<string | null> {
  let after = from
  while (!signal.aborted) {
    const rows = await readLogs(ports.db, jobId, after, ROWS_AT_ONCE, filter)
    after = rows.at(-1)?.id ?? after
    if (rows.length > 0 && !response.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))) await drained(response, signal)
    if (rows.length < ROWS_AT_ONCE) break
  }
  return after
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    response.on('drain', done)
    signal.addEventListener('abort', done)
  })
}
