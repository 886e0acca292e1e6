import { systemClock } from '../controller/kernel/clock.ts'
import type { Db } from '../controller/store/pool.ts'
import { paired, type Asked, type Bench } from './harness/bench.ts'
import { applyWorkspace, declaredTemplate, deleteWorkspace, startUp } from './harness/control-plane.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { openDatabase } from './harness/postgres.ts'
import { bareNodeMs, environment } from './harness/programs.ts'
import { bareTerraform, HELLO } from './harness/terraform.ts'
import { isTrue, watch } from './harness/watch.ts'

export const create: Bench = {
  name: 'create',
  about: 'a first workspace declared over the API, until its agent is connected and it is Ready',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 15
const ROUNDS_QUICK = 2

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const { url, db } = await openDatabase(place)
  const env = environment(place.folder, { DATABASE_URL: url })
  const { client } = await startUp(place, declaredTemplate(place), env)
  await watch(place, client, 'templates').when('hello', 'imported', isTrue('Ready'))
  const workspaces = watch(place, client, 'workspaces')
  const terraform = await bareTerraform(place)

  const ours = async (round: number) => {
    const name = `first-${round}`
    const sentAt = systemClock.elapsedMs()
    const ready = workspaces.when(name, 'Ready', isTrue('Ready'))
    await applyWorkspace(client, name)
    const answeredAt = systemClock.elapsedMs()
    const readyAt = await ready
    const seen = { totalMs: readyAt - sentAt, answeredMs: answeredAt - sentAt, ...(await legs(db, name, onWall(sentAt), onWall(readyAt))) }
    await deleteWorkspace(client, name)
    await workspaces.whenGone(name)
    return seen
  }
  const floor = async () => {
    const apply = await terraform.prepare(HELLO)
    const applyMs = await apply.run()
    await apply.close()
    return { applyMs, nodeMs: await bareNodeMs(env) }
  }
  const found = await paired(asked, asked.quick ? ROUNDS_QUICK : ROUNDS, ours, floor)

  const of = (leg: string) => found.ours.map((each) => each.legs[leg] ?? Number.NaN)
  const applies = { what: 'bare apply', values: found.theirs.map(({ applyMs }) => applyMs) }
  const nodes = { what: 'bare node', values: found.theirs.map(({ nodeMs }) => nodeMs) }
  const leg = (what: string, beside?: Line['beside']): Line => ({
    what: `  ${what}`,
    unit: 'ms',
    values: of(what),
    ...(beside ? { beside } : {}),
  })
  return [
    {
      what: 'declared → Ready=True',
      unit: 'ms',
      values: found.ours.map(({ totalMs }) => totalMs),
      beside: { what: 'bare apply + node', values: found.theirs.map(({ applyMs, nodeMs }) => applyMs + nodeMs) },
      reach: [
        { of: 'p50', most: 500 },
        { of: 'ratio', most: 4 },
      ],
    },
    { what: '  sent → answered', unit: 'ms', values: found.ours.map(({ answeredMs }) => answeredMs) },
    leg('sent → queued'),
    leg('queued → claimed'),
    leg('claimed → finished', applies),
    ...found.ours[0]!.stages.map((stage) => leg(stage)),
    leg('agent made → connected', nodes),
    leg('finished → connected'),
    leg('connected → Ready seen'),
  ]
}

/** Milliseconds since 1970 with fractions, to be compared with the database's. */
const onWall = (elapsedMs: number): number => performance.timeOrigin + elapsedMs

interface Instants {
  readonly queued: number
  readonly claimed: number
  readonly finished: number
  readonly made: number
  readonly connected: number
  readonly stages: Readonly<Record<string, number>>
}

const ms = (column: string, as: string): string => `(extract(epoch from ${column}) * 1000)::float8 as ${as}`

/** Where the time went, by what the job and the agent say of themselves. */
async function legs(db: Db, name: string, sentAt: number, readyAt: number) {
  const [row] = await db.query<Instants>(
    `select ${ms('j.queued_at', 'queued')}, ${ms('j.claimed_at', 'claimed')}, ${ms('j.finished_at', 'finished')},
       ${ms('a.created_at', 'made')}, ${ms('a.first_connected_at', 'connected')}, j.result->'stages' as stages
     from jobs j join agents a on a.workspace_uid = j.subject_uid where j.kind = 'build' and j.subject_name = $1 order by j.id desc limit 1`,
    [name],
  )
  if (!row) throw new Error(`${name} has no build`)
  const stages = Object.entries(row.stages).map(([stage, tookMs]): [string, number] => [`  of it ${stage}`, tookMs])
  return {
    stages: stages.map(([stage]) => stage),
    legs: {
      'sent → queued': row.queued - sentAt,
      'queued → claimed': row.claimed - row.queued,
      'claimed → finished': row.finished - row.claimed,
      'agent made → connected': row.connected - row.made,
      'finished → connected': row.connected - row.finished,
      'connected → Ready seen': readyAt - row.connected,
      ...Object.fromEntries(stages),
    } as Readonly<Record<string, number>>,
  }
}
