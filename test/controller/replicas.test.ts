import { describe, expect, test } from 'vitest'
import { noOwnCluster, ownCluster } from '../support/cluster.ts'
import { withDatabase } from '../support/postgres.ts'
import { isSoak } from '../support/soak.ts'
import { until } from '../support/until.ts'
import { asList, objects } from './objects.ts'
import { openWorld, type Plane } from './world.ts'

/** Several control planes of one cluster, on one database. */

/** After SIGKILL another leads within four seconds: what is left of the lease, and the time between two looks at it. */
const LEASE_MS = 3000
const LOOK_MS = 1500

const ROUNDS = isSoak ? 20 : 3
const WORKSPACES = 12

describe.skipIf(noOwnCluster !== null)('replicas', async () => {
  if (noOwnCluster !== null) return void test.skip(noOwnCluster)
  const { db, url } = await withDatabase()
  const cluster = await ownCluster({ manager: true })
  const world = openWorld(cluster, url)

  // What the database itself saw of the lease, by its own clock: no process of a busy machine tells when something was.
  await db.query(`
    create table seen_leases (epoch integer, at timestamptz, lease_until timestamptz, was_epoch integer, was_until timestamptz);
    create function see_lease() returns trigger language plpgsql as $$ begin
      insert into seen_leases values (new.epoch, clock_timestamp(), new.lease_until, old.epoch, old.lease_until);
      return null;
    end $$`)
  const watchLeases = () => db.query(`create or replace trigger seen after update on leases for each row execute function see_lease()`)
  const holder = async (): Promise<string | null> => {
    const [row] = await db.query<{ holder: string }>(
      `select holder from leases where name = 'reconcile' and lease_until > clock_timestamp()`,
    )
    return row?.holder ?? null
  }
  const leads = (not: string | null) =>
    until('a replica to lead', async () => {
      const now = await holder()
      return now !== null && now !== not ? now : null
    })

  test(
    `the one that leads is killed under load, ${ROUNDS} times: the next takes over, and each workspace is built once`,
    { timeout: 600_000 },
    async () => {
      const namespace = await cluster.namespace('leader')
      const { bare, workspace } = objects(namespace)
      const planes = new Map<string, Plane>()
      const start = async (name: string) => void planes.set(name, await world.controller(name))
      await Promise.all([start('a-0'), start('b-0')])
      await watchLeases()
      const builder = await world.provisioner([...planes.values()][0]?.url ?? '')
      await cluster.kubectl(['apply', '-f', '-'], { input: asList(bare) })
      await cluster.kubectl(['wait', '--for=condition=Ready', 'tpl/bare', '--timeout=60s'], { namespace })
      for (let round = 1; round <= ROUNDS; round += 1) {
        const names = Array.from({ length: WORKSPACES }, (_, i) => `r${round}-${i}`)
        const applied = cluster.kubectl(['apply', '-f', '-'], { input: asList(...names.map((name) => workspace(name))) })
        const leader = await leads(null)
        await until(
          'some builds',
          async () => (await db.query(`select 1 from jobs where subject_name like $1`, [`r${round}-%`])).length > 0,
        )
        await planes.get(leader)?.end('SIGKILL')
        planes.delete(leader)
        await leads(leader)
        const name = `${leader.split('-')[0]}-${round}`
        await Promise.all([applied, start(name)])
        const all = ['wait', '--for=condition=Running', ...names.map((each) => `ws/${each}`), '--timeout=60s']
        const { code, stderr } = await cluster.kubectl(all, { namespace })
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      }
      const builds = await db.query<{ name: string; n: number }>(
        `select subject_name as name, count(*)::int as n from jobs where kind = 'build' group by 1 having count(*) <> 1`,
      )
      expect(builds).toEqual([])
      const takenOver = await db.query<{ ms: number }>(
        `select extract(epoch from at - was_until)::float8 * 1000 as ms from seen_leases where epoch <> was_epoch`,
      )
      expect(takenOver.length).toBeGreaterThanOrEqual(ROUNDS)
      expect(Math.max(...takenOver.map(({ ms }) => ms))).toBeLessThanOrEqual(LOOK_MS)
      const [held] = await db.query<{ ms: number }>(
        `select max(extract(epoch from lease_until - at))::float8 * 1000 as ms from seen_leases`,
      )
      expect(held?.ms).toBeLessThanOrEqual(LEASE_MS)
      console.log(`free leases were taken after ${takenOver.map(({ ms }) => Math.round(ms)).join(', ')} ms`)
      expect(await builder.end()).toBe(0)
      for (const plane of planes.values()) expect(await plane.end()).toBe(0)
    },
  )

  test('one that is told to end lets the next begin at once, and reconciles nothing any more', async () => {
    const [one, two] = await Promise.all([world.controller('one'), world.controller('two')])
    const first = await leads(null)
    const [leader, other] = first === 'one' ? [one, two] : [two, one]
    expect(await leader.end('SIGTERM')).toBe(0)
    // It was given back: otherwise it would be held for three more seconds.
    expect(await holder()).not.toBe(first)
    await leads(first)
    expect(await other.end()).toBe(0)
  })

  test('a program older than the schema goes on answering, and neither reconciles nor starts again', async () => {
    const old = await world.controller('old')
    await leads(null)
    await db.query(`insert into schema_migrations (version, name, digest) values (9001, 'of_a_newer_program', 'x')`)
    await until('it to step back', async () => old.log().includes('the schema is newer than this program'))
    await until('the lease to be over', async () => (await holder()) === null)
    expect((await fetch(`${old.url}/healthz`)).status).toBe(200)
    await expect(world.controller('late')).rejects.toThrow('run the newer program')
    await db.query('delete from schema_migrations where version = 9001')
    expect(await leads(null)).toBe('old')
    expect(await old.end()).toBe(0)
  })
})
