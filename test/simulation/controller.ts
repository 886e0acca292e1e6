import { decide, type Action } from '../../controller/reconcile/workspace/decide.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { decide as answer } from '../../controller/reconcile/workspacerequest/decide.ts'
import { never } from '../../controller/kernel/errors.ts'
import { mergedConditions } from '../../controller/status/conditions.ts'
import { CONTROLLER } from '../../controller/reconcile/workspace/seen.ts'
import { NO_LIFE } from '../../controller/reconcile/workspace/life.ts'
import type { LifeRow } from '../../controller/store/records.ts'
import { build, look as lookJob } from '../decide/worlds.ts'
import type { Agenda } from './agenda.ts'
import type { Hands } from './hands.ts'
import type { Checks } from './checks.ts'
import type { Random } from './random.ts'
import { inFlight, observe, SECOND, withBuild, type Place, type World } from './world.ts'

/** The loop of the engine around the real rules: it looks, acts one side effect after the other, and may die between any two. */
export interface Controller {
  /** The world changed: it hears of it a moment later. */
  changed(place: Place): void
  lookAtAll(): void
  kill(forMs: number): void
  /** What nobody needs to look at for the clock's sake. */
  audit(place: Place): void
  calm(): void
  readonly isUp: boolean
}

export interface ControllerPorts {
  readonly world: World
  readonly agenda: Agenda
  readonly random: Random
  readonly hands: () => Hands
  readonly checks: Checks
}

type Verdict = ReturnType<typeof decide>

const HINT_LOST = 0.01
const STALE = 0.01
const DIES = 0.0004

/** False: it was changed since it was read. */
const keepLife = (place: Place, life: LifeRow): boolean => {
  if (life.revision !== place.life.revision) return false
  place.life = { ...life, revision: life.revision + 1 }
  return true
}

export function createController({ world, agenda, random, hands, checks }: ControllerPorts): Controller {
  let run = 0
  let up = true
  let isCalm = false
  let ids = 0
  const unlucky = (probability: number) => !isCalm && random.chance(probability)

  const lookAt = (place: Place, at: number) => {
    // Only the first that is to come counts, as in the engine's queue.
    if (at >= place.lookAt) return
    place.lookAt = at
    const mine = run
    agenda.at(at, () => {
      if (place.lookAt !== at || mine !== run) return
      place.lookAt = Number.POSITIVE_INFINITY
      look(place)
    })
  }

  const look = (place: Place) => {
    if (!up || place.gone) return
    const now = agenda.now
    const seen = observe(world, place, now)
    const verdict = decide(seen, now)
    place.dirty = false
    checks.verdict(place, seen, verdict, now)
    // Another that saw the same, and is slower.
    if (unlucky(STALE)) agenda.at(now + random.between(10, 3 * SECOND), () => act(place, seen, verdict, true))
    const done = act(place, seen, verdict, false)
    if (!up) return
    const acted = verdict.actions.some(({ do: what }) => what !== 'emit')
    if (done && !(acted && verdict.passing)) tell(place, seen, verdict)
    for (const request of place.requests) if (!request.answer) answered(place, request.uid)
    if (place.gone || !up) return
    place.turns = acted ? place.turns + 1 : 0
    if (!done) lookAt(place, now + SECOND)
    else if (acted) lookAt(place, now + 1)
    if (verdict.wakeAt !== null) lookAt(place, Math.max(verdict.wakeAt, now + 1))
    checks.settles(place, seen)
  }

  /** False: somebody else was first, or it died. */
  const act = (place: Place, seen: Seen, verdict: Verdict, stale: boolean): boolean => {
    for (const action of verdict.actions) {
      if (place.gone || seen.workspace.uid !== place.uid) return false
      if (!stale && unlucky(DIES)) {
        controller.kill(random.pick([2 * SECOND, 20 * SECOND, 600 * SECOND]))
        return false
      }
      if (!apply(place, action)) return false
    }
    return true
  }

  const apply = (place: Place, action: Action): boolean => {
    const now = agenda.now
    switch (action.do) {
      case 'add-finalizer':
        place.finalizer = true
        return true
      case 'remove-finalizer':
        checks.released(place)
        place.finalizer = false
        place.life = NO_LIFE
        if (place.deleting) place.gone = true
        return true
      case 'keep-life':
        return keepLife(place, action.life)
      case 'queue-build': {
        if (inFlight(place) || (place.builds[0]?.number ?? 0) >= action.build.number) return true
        ids += 1
        const fresh = { claimedAt: null, startedAt: null, finishedAt: null, provisionerId: null, result: null } as const
        withBuild(place, build({ ...action.build, ...fresh, id: `${ids}`, phase: 'Queued', queuedAt: now }))
        checks.queued(place, action.build, now)
        hands().serve(place)
        return true
      }
      case 'cancel-build': {
        const job = place.builds.find(({ id }) => id === action.jobId)
        if (job) hands().cancel(place, job, CONTROLLER)
        return true
      }
      case 'queue-look': {
        if (inFlight(place) || (place.look && place.look.finishedAt === null)) return true
        ids += 1
        place.look = lookJob({ id: `${ids}`, phase: 'Queued', queuedAt: now, startedAt: null, finishedAt: null, result: null })
        hands().look(place, place.look)
        return true
      }
      case 'wish-shutdown':
        if (place.connection && place.connection.agent.shutdownRequestedAt === null) {
          place.connection.agent = { ...place.connection.agent, shutdownRequestedAt: now }
          hands().shutdown(place)
        }
        return true
      // Nobody is asked to agree in these worlds.
      case 'queue-plan':
        return true
      case 'emit':
        checks.happened(action.happening.reason)
        return true
      default:
        return never(action)
    }
  }

  const tell = (place: Place, { activity }: Seen, { conditions }: Verdict) => {
    const [newest] = place.builds
    place.before = {
      conditions: mergedConditions(place.before.conditions, conditions, 1, agenda.now),
      build: newest ? { number: newest.number ?? 0, phase: newest.phase } : null,
      activity,
    }
  }

  const answered = (place: Place, uid: string) => {
    const now = agenda.now
    const workspace = observe(world, place, now)
    const request = place.requests.find((one) => one.uid === uid)
    if (!request) return
    const { actions, conditions, wakeAt } = answer(
      { namespace: 'default', workspaceName: place.name, request, answered: null, workspace },
      now,
    )
    for (const action of actions) {
      if (unlucky(DIES)) return controller.kill(20 * SECOND)
      if (action.do === 'keep-life' && !keepLife(place, action.life)) return lookAt(place, now + SECOND)
      const job = action.do === 'cancel-build' && place.builds.find(({ id }) => id === action.jobId)
      if (job && action.do === 'cancel-build') hands().cancel(place, job, action.by)
    }
    const [succeeded] = conditions
    if (!succeeded || succeeded.status === 'Unknown') return void (wakeAt !== null && lookAt(place, wakeAt))
    const said = { succeeded: succeeded.status === 'True', reason: succeeded.reason }
    place.requests = place.requests.map((one) => (one.uid === uid ? { ...one, boundUid: place.uid, answer: said } : one))
    checks.answered(place, request, said, now)
    place.dirty = true
    lookAt(place, now + 1)
  }

  const controller: Controller = {
    get isUp() {
      return up
    },
    changed(place) {
      place.dirty = true
      if (up && !unlucky(HINT_LOST)) lookAt(place, agenda.now + random.between(1, 50))
    },
    lookAtAll() {
      for (const place of world.places) lookAt(place, agenda.now + random.between(1, 500))
    },
    kill(forMs) {
      if (!up) return
      up = false
      run += 1
      for (const place of world.places) place.lookAt = Number.POSITIVE_INFINITY
      agenda.at(agenda.now + forMs, () => {
        up = true
        world.controllerStartedAt = agenda.now
        controller.lookAtAll()
      })
    },
    audit(place) {
      const now = agenda.now
      if (!up || place.gone || place.dirty || now - world.controllerStartedAt < 10 * SECOND || place.lookAt <= now + SECOND) return
      const seen = observe(world, place, now)
      checks.nobodyLooks(place, seen, decide(seen, now), now)
    },
    calm() {
      isCalm = true
    },
  }
  return controller
}
