import type { decide } from '../../controller/reconcile/workspace/decide.ts'
import { idleAfterOf, policyNow } from '../../controller/reconcile/workspace/schedule/policy.ts'
import type { RequestSeen, Seen } from '../../controller/reconcile/workspace/seen.ts'
import { toIso } from '../../controller/kernel/clock.ts'
import type { NewBuild } from '../../controller/store/records.ts'
import { conditionsProblem } from '../decide/kstatus.ts'
import { HOUR, inFlight, MINUTE, SECOND, type Place, type World } from './world.ts'

/** What must hold whatever happens. */
export interface Checks {
  verdict(place: Place, seen: Seen, verdict: Verdict, now: number): void
  queued(place: Place, build: NewBuild, now: number): void
  answered(place: Place, request: RequestSeen, said: { readonly succeeded: boolean; readonly reason: string }, now: number): void
  happened(reason: string): void
  released(place: Place): void
  settles(place: Place, seen: Seen): void
  nobodyLooks(place: Place, seen: Seen, verdict: Verdict, now: number): void
  /** After a long calm everything is as it should be. */
  atTheEnd(world: World, now: number): void
  readonly counts: ReadonlyMap<string, number>
}

type Verdict = ReturnType<typeof decide>

export class Violation extends Error {
  override readonly name = 'Violation'
}

const TURNS_MAX = 25
const TRACE_MAX = 60
const PATIENCE = 60 * SECOND
const REPORT = 30 * SECOND

const note = (place: Place, now: number, what: string) => {
  place.trace.push(`${toIso(now)} ${what}`)
  if (place.trace.length > TRACE_MAX) place.trace.shift()
}

export function createChecks(seed: string): Checks {
  const counts = new Map<string, number>()
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)
  const violated = (place: Place, what: string, seen?: Seen): never => {
    const replay = seen ? `\nseen: ${JSON.stringify(seen)}` : ''
    throw new Violation(`${what}\n  SIMULATION_SEED=${seed} ${place.name}\n  ${place.trace.join('\n  ')}${replay}`)
  }
  const lastAutostart = new Map<string, number>()

  /** A stop by the clock, and what is true of the world behind it. */
  const stopIsRight = (place: Place, seen: Seen, build: NewBuild, now: number) => {
    const since = Math.max(seen.controllerStartedAt, seen.clockJumpedAt ?? 0)
    if (now - since < PATIENCE) violated(place, `${build.reason}: agents could not speak yet`, seen)
    const { life } = seen
    const required = life.maxDeadlineAt !== null && life.maxDeadlineAt <= now
    if (life.holdUntil !== null && life.holdUntil > now && !required) violated(place, `${build.reason}: somebody holds it`, seen)
    const { connection } = place
    if (build.reason === 'Idle') {
      const idleAfter = idleAfterOf(seen)
      const heard =
        connection && (connection.connected || connection.agent.firstConnectedAt === null || now - connection.heardAt <= PATIENCE)
      if (!heard) violated(place, 'Idle: without fresh evidence', seen)
      if (now - (place.usedAt ?? 0) < idleAfter - REPORT) violated(place, `Idle: it was used at ${toIso(place.usedAt ?? 0)}`, seen)
    }
    const bump = policyNow(seen).activityBumpMs
    const evidence = place.toldUsedAt ?? 0
    if (build.reason === 'Deadline' && !required && bump > 0 && seen.workspace.schedule.autostart === null) {
      if (now < evidence + 0.9 * bump && evidence > (seen.builds[0]?.finishedAt ?? 0))
        violated(place, `Deadline: it was used at ${toIso(evidence)}`, seen)
    }
  }

  const buildIsRight = (place: Place, seen: Seen, build: NewBuild, now: number) => {
    if (inFlight(place)) violated(place, 'two builds in flight', seen)
    const silentMs = now - (seen.provisioners[0]?.lastSeenAt ?? 0)
    if (build.requestUid === null && silentMs > 90 * SECOND)
      violated(place, `${build.transition} (${build.reason}) without a provisioner`, seen)
    if (build.transition === 'start' && seen.workspace.power === 'Stopped') violated(place, 'started against power: Stopped', seen)
    if (build.transition === 'start' && seen.owner.suspended) violated(place, 'started for a suspended owner', seen)
    if (build.transition === 'stop' && (build.reason === 'Idle' || build.reason === 'Deadline')) stopIsRight(place, seen, build, now)
    if (build.reason === 'Expired' && (seen.life.deletingAt ?? Number.POSITIVE_INFINITY) > now) violated(place, 'expired too early', seen)
    if (seen.workspace.paused && !seen.owner.suspended && !seen.workspace.deleting)
      violated(place, `${build.transition} while paused`, seen)
    if (build.reason !== 'Autostart') return
    const before = lastAutostart.get(place.uid)
    // Schedules here are daily at most, but on the days when clocks change.
    if (
      before !== undefined &&
      now - before < 20 * HOUR &&
      before > place.editedAt &&
      !place.requests.some(({ createdAt }) => createdAt > before)
    )
      violated(place, `started twice for one instant of its schedule: also at ${toIso(before)}`, seen)
  }

  return {
    counts,
    verdict(place, seen, { actions, conditions, wakeAt }, now) {
      count('looks')
      if (wakeAt !== null && wakeAt <= now) violated(place, `a wake in the past: ${toIso(wakeAt)}`, seen)
      const problem = conditionsProblem(conditions, 'Ready')
      if (problem) violated(place, problem, seen)
      for (const action of actions) if (action.do === 'queue-build') buildIsRight(place, seen, action.build, now)
      const ready = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
      const { power, paused, deleting } = seen.workspace
      if (ready && power === 'Stopped' && !paused && !deleting && place.machine && !inFlight(place) && actions.length === 0)
        violated(place, 'as wanted, and runs against power: Stopped', seen)
    },
    queued(place, { number, transition, reason }, now) {
      count(`${transition} ${reason}`)
      note(place, now, `build ${number} ${transition} (${reason})`)
      if (reason === 'Autostart') lastAutostart.set(place.uid, now)
    },
    answered(place, { action, createdAt }, { succeeded, reason }, now) {
      count(`answer ${action} ${succeeded ? 'yes' : 'no'}`)
      note(place, now, `${action} of ${toIso(createdAt)} answered ${succeeded} (${reason})`)
    },
    happened: (reason) => void count(`event ${reason}`),
    released(place) {
      if (place.machine) violated(place, 'let go while its machine is there')
    },
    settles(place, seen) {
      if (place.turns > TURNS_MAX) violated(place, `does not settle: ${place.turns} looks in a row acted`, seen)
    },
    nobodyLooks(place, seen, { actions }, now) {
      count('audits')
      const due = actions.find(({ do: what }) => what === 'queue-build' || what === 'cancel-build' || what === 'wish-shutdown')
      if (!due) return
      note(
        place,
        now,
        `would ${JSON.stringify(due).slice(0, 200)}; next look ${place.lookAt === Number.POSITIVE_INFINITY ? 'never' : toIso(place.lookAt)}`,
      )
      violated(place, `something is due and nobody looks: ${due.do}`, seen)
    },
    atTheEnd(world, now) {
      for (const place of world.places) atRest(place, world, now, violated)
    },
  }
}

function atRest(place: Place, world: World, now: number, violated: (place: Place, what: string) => never): void {
  if (place.deleting && !place.gone) violated(place, 'was deleted and is still there')
  if (place.gone) return
  const open = place.requests.find(({ answer, createdAt }) => !answer && now - createdAt > MINUTE)
  if (open) violated(place, `${open.action} of ${toIso(open.createdAt)} was never answered`)
  const build = inFlight(place)
  if (build && now - build.queuedAt > 10 * MINUTE) violated(place, `build ${build.number} never ended`)
  if (build) return
  const { power, paused } = place.declared
  const stalled = place.before.conditions.some(({ type, status }) => type === 'Stalled' && status === 'True')
  const { suspended } = world.owners[place.owner]!
  if (suspended && place.machine) violated(place, 'runs for a suspended owner')
  if (paused || suspended || stalled) return
  if (power === 'Stopped' && place.machine) violated(place, 'runs against power: Stopped')
  if (power === 'Running' && !place.machine) violated(place, 'does not run with power: Running')
  if (power === 'Auto' && place.life.dormantAt !== null && place.machine) violated(place, 'is dormant and runs')
}
