import type { Instant } from '../../kernel/clock.ts'
import { never } from '../../kernel/errors.ts'
import type { Reason } from '../../kernel/reasons.ts'
import type { Activity } from '../../store/activity.ts'
import type { Job, NewBuild } from '../../store/records.ts'
import { isInFlight } from './builds.ts'
import { decide, type Action } from './decide.ts'
import { wantedLabels } from './labels.ts'
import { remembering } from './life.ts'
import type { AgentSeen, Seen } from './seen.ts'
import { wants } from './wants.ts'

/** One thing that would happen. */
export interface Change {
  readonly at: Instant
  readonly wants: 'running' | 'stopped' | 'destroyed' | 'dormant'
  readonly reason: Reason
  /** Why, as a sentence. */
  readonly message: string
}

const STEPS_MAX = 20_000
const CHANGES_MAX = 1_000

interface World {
  readonly seen: Seen
  readonly gone: boolean
  readonly changes: readonly Change[]
}

/**
 * What the same rules would do until then with perfect hands: builds take no time and succeed, there is a provisioner,
 * agents are there while it runs, and nobody uses it but as `uses` says.
 */
export function simulate(observed: Seen, now: Instant, until: Instant, uses: readonly Activity[]): readonly Change[] {
  let world: World = { seen: begun(observed, now, until), gone: false, changes: [] }
  let at = now
  for (let steps = 0; steps < STEPS_MAX && at <= until && !world.gone && world.changes.length < CHANGES_MAX; steps++) {
    const seen = { ...world.seen, activity: usedUntil(observed, uses, at) }
    const { actions, wakeAt } = decide(seen, at)
    const acted = actions.filter((action) => action.do !== 'emit')
    world = acted.reduce((before, action) => done(before, action, at, until), { ...world, seen })
    if (acted.length > 0) continue
    // A request that is done does not stand in the way of the clock any longer.
    if (seen.requests.length > 0) world = { ...world, seen: { ...seen, requests: [] } }
    else if (wakeAt === null) break
    else at = wakeAt
  }
  return world.changes
}

/** What is under way ends well, and everybody answers. */
function begun(observed: Seen, now: Instant, until: Instant): Seen {
  const builds = observed.builds.map((job) => (isInFlight(job) ? { ...job, phase: 'Succeeded' as const, finishedAt: now } : job))
  const labels = wantedLabels({ ...observed, builds })
  return {
    ...observed,
    builds,
    agents: observed.agents.map((agent) => present(agent, agent.readyAt ?? now, until)),
    provisioners: [{ id: '', name: '', labels, version: '', capacity: 1, isolation: '', lastSeenAt: until }],
  }
}

const present = (agent: AgentSeen, readyAt: Instant, until: Instant): AgentSeen => ({
  ...agent,
  status: 'Connected',
  lifecycle: 'Ready',
  firstConnectedAt: agent.firstConnectedAt ?? readyAt,
  disconnectedAt: null,
  shutdownRequestedAt: null,
  readyAt,
  lastSeenAt: until,
  reportedAt: until,
})

const shutDown = (agent: AgentSeen, now: Instant): AgentSeen => ({ ...agent, lifecycle: 'Off', shutdownRequestedAt: now })

function usedUntil({ activity }: Seen, uses: readonly Activity[], now: Instant): Seen['activity'] {
  const sources = uses.filter(({ from }) => from <= now).map((use) => ({ kind: use.kind, by: use.actor, at: Math.min(use.until, now) }))
  const all = [...sources, ...activity.sources]
  const instants = [...all.map(({ at }) => at), ...(activity.lastUsedAt === null ? [] : [activity.lastUsedAt])]
  return { lastUsedAt: instants.length > 0 ? Math.max(...instants) : null, sources: all }
}

function done(world: World, action: Action, now: Instant, until: Instant): World {
  const { seen } = world
  switch (action.do) {
    case 'add-finalizer':
      return { ...world, seen: { ...seen, workspace: { ...seen.workspace, hasFinalizer: true } } }
    case 'remove-finalizer':
      return { ...world, gone: true }
    case 'keep-life':
      return kept(world, action.life, now)
    case 'queue-build':
      return built(world, action.build, now, until)
    case 'wish-shutdown':
      return {
        ...world,
        seen: { ...seen, agents: seen.agents.map((agent) => shutDown(agent, now)) },
      }
    case 'cancel-build':
    case 'queue-look':
    // Whether somebody will agree cannot be foreseen.
    case 'queue-plan':
    case 'emit':
      return world
    default:
      return never(action)
  }
}

function kept(world: World, life: Seen['life'], now: Instant): World {
  const { seen, changes } = world
  const asleep = life.dormantAt !== null && seen.life.dormantAt === null
  const why = wants(remembering(seen, now), now)
  return {
    ...world,
    seen: { ...seen, life: { ...life, revision: life.revision + 1 } },
    changes: asleep ? [...changes, { at: now, wants: 'dormant', reason: 'Dormant', message: why.message }] : changes,
  }
}

const WANTS = { start: 'running', stop: 'stopped', destroy: 'destroyed' } as const

function built(world: World, build: NewBuild, now: Instant, until: Instant): World {
  const { seen, changes } = world
  const job: Job = {
    ...build,
    id: `${build.number}`,
    kind: 'build',
    phase: 'Succeeded',
    queuedAt: now,
    claimedAt: now,
    startedAt: now,
    finishedAt: now,
    cancelRequestedAt: null,
    cancelBy: null,
    errorReason: null,
    error: null,
    provisionerId: null,
    result: {},
  }
  const { message } = wants(remembering(seen, now), now)
  const agents = build.transition === 'start' ? seen.agents.map((agent) => present(agent, now, until)) : seen.agents
  return {
    ...world,
    seen: { ...seen, builds: [job, ...seen.builds], agents },
    changes: [...changes, { at: now, wants: WANTS[build.transition], reason: build.reason, message }],
  }
}
