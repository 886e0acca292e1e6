import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { mayBeRunning } from '../../controller/reconcile/workspace/builds.ts'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { anyWorld, changed } from './any-world.ts'
import { turn, type World } from './hands.ts'
import { template, world } from './worlds.ts'

const TURNS_MAX = 120
const QUIET_TURNS = 6

/** Turns until nothing has been done for a while. Throws where that takes too long, or where a turn breaks a promise. */
function settled(first: World): World {
  let now = first
  let quiet = 0
  const done: string[] = []
  for (let turns = 0; turns < TURNS_MAX; turns++) {
    const { world: next, actions, problems } = turn(now)
    if (problems.length > 0) throw new Error(`${problems.join('; ')} in ${replay(now)}`)
    quiet = actions.length === 0 ? quiet + 1 : 0
    done.push(actions.map((action) => action.do).join(' '))
    now = next
    if (quiet >= QUIET_TURNS || now.gone) return now
  }
  throw new Error(`still acting after ${TURNS_MAX} turns (${done.slice(-6).join(', ')}): ${replay(first)}`)
}

/** Everything a decision was made of: paste it into a test to see it again. */
const replay = ({ seen, now }: World): string => JSON.stringify({ now, seen })

test('from any world, with perfect hands, nothing is left to do after a bounded number of turns', () => {
  fc.assert(
    fc.property(anyWorld, (first) => void settled(first)),
    { numRuns: 3000 },
  )
})

test('what is declared Stopped is not running once it has settled', () => {
  // What has expired is destroyed, which is tried once a day.
  const declaredStopped = anyWorld.map((first) =>
    changed(first, { life: { ...first.seen.life, dormantAt: null } }, { power: 'Stopped', paused: false, deleting: false }),
  )
  fc.assert(
    fc.property(declaredStopped, (first) => {
      expect(mayBeRunning(settled(first).seen.builds)).toBe(false)
    }),
    { numRuns: 1500 },
  )
})

test('what is declared Running runs once it has settled, unless somebody has to change something', () => {
  const able = { owner: world().owner, broughtDown: false, requests: [], template: template() }
  const declaredRunning = anyWorld.map((first) =>
    changed(first, able, { power: 'Running', paused: false, deleting: false, parameters: {} }),
  )
  fc.assert(
    fc.property(declaredRunning, (first) => {
      const { seen } = settled(first)
      const stalled = seen.workspace.before.conditions.some(({ type }) => type === 'Stalled')
      expect(stalled || (seen.builds[0]?.transition === 'start' && seen.builds[0].phase === 'Succeeded')).toBe(true)
    }),
    { numRuns: 1500 },
  )
})

test('what is deleted goes, once there is a provisioner', () => {
  const deleted = anyWorld.map((first) => changed(first, {}, { deleting: true, hasFinalizer: true }))
  fc.assert(
    fc.property(deleted, (first) => {
      expect(settled(first).gone).toBe(true)
    }),
    { numRuns: 1500 },
  )
})

test('every request is answered once its workspace has settled', () => {
  const asked = anyWorld.map((first) => changed(first, { template: template() }, { deleting: false }))
  fc.assert(
    fc.property(asked, (first) => {
      const { seen } = settled(first)
      const lostTooOften = seen.workspace.before.conditions.some(({ reason }) => reason === 'MachineLost')
      expect(lostTooOften ? [] : seen.requests.filter(({ answer }) => !answer)).toEqual([])
    }),
    { numRuns: 1500 },
  )
})

/** Days of a workspace that the clock starts and stops again and again: it never settles, and never breaks a promise. */
const anyDays: fc.Arbitrary<World> = fc
  .tuple(
    anyWorld,
    fc.constantFrom(null, '0 9 * * *', '*/30 * * * *', 'CRON_TZ=Europe/Berlin 30 2 * * 0,1', '0 9 1 * *'),
    fc.constantFrom<Seen['owner']['timezone']>('UTC', 'Australia/Lord_Howe', 'America/New_York'),
    fc.constantFrom<readonly ('Sun' | 'Wed')[]>([], ['Sun'], ['Wed', 'Sun']),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([first, autostart, timezone, days, weeks]) => {
    const { template: tpl, workspace } = first.seen
    return changed(
      first,
      { owner: { ...first.seen.owner, timezone }, template: tpl && { ...tpl, policy: { ...tpl.policy, requirement: { days, weeks } } } },
      { schedule: { ...workspace.schedule, autostart } },
    )
  })

test('whatever the clock does day after day, no promise is broken', () => {
  fc.assert(
    fc.property(anyDays, fc.array(fc.nat({ max: 40 }), { maxLength: 8 }), (first, uses) => {
      let now = first
      for (let turns = 0; turns < TURNS_MAX && !now.gone; turns++) {
        // Somebody uses it now and then.
        const used = uses.includes(turns) ? { ...now, seen: { ...now.seen, activity: { lastUsedAt: now.now, sources: [] } } } : now
        const { world: next, problems } = turn(used)
        if (problems.length > 0) throw new Error(`${problems.join('; ')} in ${replay(used)}`)
        now = next
      }
    }),
    { numRuns: 1500 },
  )
})

test('one look at a world says the same as the next look at it', () => {
  fc.assert(
    fc.property(anyDays, ({ seen, now }) => {
      expect(decide(seen, now)).toEqual(decide(structuredClone(seen), now))
    }),
    { numRuns: 500 },
  )
})
