import { execFileSync, type ChildProcess } from 'node:child_process'
import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { isSame } from '../../controller/kernel/pids.ts'
import { machineName } from '../../controller/machines/record.ts'
import { parseState } from '../../controller/provision/state.ts'
import { intentOf, jobsInFlight } from '../../controller/store/read-jobs.ts'
import type { BuildInput, Job, NewBuild, Subject } from '../../controller/store/records.ts'
import { newestState } from '../../controller/store/states.ts'
import { withDatabase } from '../support/postgres.ts'
import { isSoak } from '../support/soak.ts'
import { randomFrom, type Random } from '../simulation/random.ts'
import { another } from './another.ts'
import { PROCESS } from './templates.ts'
import { createWorld, INPUT, pidsWith, workspace, type World } from './world.ts'

const { db, url } = await withDatabase()

/** Workspaces that live their whole life at a time, over and over. */
const PLACES = 2
const FOR_MS = isSoak ? 10 * 60_000 : 20_000
const CYCLES_MAX = isSoak ? 1000 : 100
const seed = Number(process.env['KILLS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

interface Place {
  readonly subject: Subject
  readonly digest: string
}

/** What hangs is told with everything that is known of its claim. */
async function endedOrTold(world: World, job: Job): Promise<Job> {
  try {
    return await world.ended(job, 60_000)
  } catch (error) {
    const [row] = await db.query('select *, lease_until - clock_timestamp() as lease_left from jobs where id = $1', [job.id])
    const provisioners = await db.query(
      'select id, clock_timestamp() - last_seen_at as silent_for from provisioners order by last_seen_at desc limit 3',
    )
    const running = pidsWith(`crashing-provisioner.ts ${url}`)
    throw new Error(JSON.stringify({ row, provisioners, running }), { cause: error })
  }
}

/** Like the rules: what failed is done again, until it is done. */
async function insisted(world: World, { subject, digest }: Place, more: Partial<NewBuild>): Promise<Job> {
  for (let tries = 1; ; tries += 1) {
    const job = await endedOrTold(world, await world.build(subject, digest, more))
    if (job.phase === 'Succeeded') return job
    const known = ['Interrupted', 'OrphansPossible', 'ProvisionerLost', 'BuildFailed', 'BuildCanceled']
    expect(known, `${job.errorReason}: ${job.error}`).toContain(job.errorReason)
    if (tries === 30) throw new Error(`it does not converge: ${job.error}`)
  }
}

const machinesOf = (world: World, { subject }: Place): number[] =>
  pidsWith(`${world.stateDir}/machines/${machineName(subject.uid, 'main')}`)

async function resourcesIn(world: World, { subject }: Place): Promise<string[]> {
  const sealed = await newestState(db, subject.uid)
  const state = sealed && parseState(world.sealer.open(sealed, subject.uid))
  return (state?.instances ?? []).map(({ address }) => address).toSorted()
}

const greeted = (greeting: string): BuildInput => ({ ...INPUT, parameters: { greeting } })

/** One life: made, changed, stopped, started, removed; after each step the world is what the state says. */
async function life(world: World, place: Place): Promise<void> {
  const both = ['bothy_agent.main', 'bothy_process.main[0]']
  await insisted(world, place, { input: greeted('one') })
  expect([await resourcesIn(world, place), machinesOf(world, place).length]).toEqual([both, 1])
  await insisted(world, place, { input: greeted('two') })
  expect([await resourcesIn(world, place), machinesOf(world, place).length]).toEqual([both, 1])
  await insisted(world, place, { transition: 'stop', input: greeted('two') })
  expect([await resourcesIn(world, place), machinesOf(world, place).length]).toEqual([['bothy_agent.main'], 0])
  await insisted(world, place, { input: greeted('three') })
  expect([await resourcesIn(world, place), machinesOf(world, place).length]).toEqual([both, 1])
  await insisted(world, place, { transition: 'destroy', input: greeted('three') })
  expect([await resourcesIn(world, place), machinesOf(world, place).length]).toEqual([[], 0])
}

/** Every terraform that works at this moment. */
const terraforms = async () => {
  const intents = await Promise.all((await jobsInFlight(db)).map(({ id }) => intentOf(db, id)))
  return intents.flatMap((intent) => (intent?.pid && intent.pidStartedAt && isSame(intent.pid, intent.pidStartedAt) ? intent.pid : []))
}

/** false: it ended by itself since it was seen. */
function hasKilled(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

/** Kills whatever works, at any moment: the provisioner, its terraform, or both. A new provisioner comes at once. */
async function kill(world: World, random: Random, over: AbortSignal): Promise<Readonly<Record<string, number>>> {
  const killed = { provisioner: 0, terraform: 0 }
  let child: ChildProcess = await another({ world, url, how: 'hasty' })
  while (!over.aborted) {
    await systemClock.sleep(100 + random.next() * 2000, over)
    if (random.chance(0.5)) {
      for (const pid of await terraforms()) {
        if (hasKilled(pid)) killed.terraform += 1
      }
    }
    if (random.chance(0.6)) {
      const isOver = child.exitCode !== null || child.signalCode !== null
      const gone = isOver ? null : new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
      killed.provisioner += 1
      child = await another({ world, url, how: 'hasty' })
    }
  }
  return killed
}

/** Sandboxes whose work folder is in this world. */
const sandboxesOf = ({ stateDir }: World): string[] =>
  execFileSync('ps', ['-eo', 'pid=,comm=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => / bwrap /.test(line) && line.includes(stateDir))

test(`lives of workspaces while everything is killed at random (KILLS_SEED=${seed})`, { timeout: FOR_MS + 240_000 }, async () => {
  const random = randomFrom(seed)
  const world = await createWorld(db)
  const over = new AbortController()
  const killing = kill(world, random, over.signal)
  // Whatever was the matter with it is told at the end.
  killing.catch(() => {})
  const endAt = systemClock.elapsedMs() + FOR_MS
  // Lives that began in time end undisturbed.
  const calm = systemClock.after(FOR_MS, () => over.abort())
  let cycles = 0
  const digest = await world.template(PROCESS)
  const live = async () => {
    while (systemClock.elapsedMs() < endAt && cycles < CYCLES_MAX) {
      cycles += 1
      await life(world, { subject: workspace(`w${cycles}`), digest })
    }
  }
  try {
    await Promise.all(Array.from({ length: PLACES }, live))
  } finally {
    calm()
    over.abort()
    await killing
  }
  const killed = await killing
  console.log(`${cycles} lives, ${killed['provisioner']} provisioners and ${killed['terraform']} terraforms killed`)
  expect(cycles).toBeGreaterThan(0)
  expect((killed['provisioner'] ?? 0) + (killed['terraform'] ?? 0)).toBeGreaterThan(0)
  // Nothing is left that no state knows of.
  expect(pidsWith(`${world.stateDir}/machines/`)).toEqual([])
  // What waited to begin when its provisioner was killed is ended by the next one.
  await world.provisioner()
  expect(sandboxesOf(world)).toEqual([])
  const unfinished = await db.query('select id from jobs where finished_at is null')
  expect(unfinished).toEqual([])
})
