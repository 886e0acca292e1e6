import type { RequestSeen } from '../../controller/reconcile/workspace/seen.ts'
import type { PolicyRow } from '../../controller/store/records.ts'
import { createAgenda, type Agenda } from './agenda.ts'
import { createChecks } from './checks.ts'
import { createController, type Controller } from './controller.ts'
import { createHands, type Hands } from './hands.ts'
import { randomFrom, type Random } from './random.ts'
import { DAY, hear, HOUR, MINUTE, newPlace, SECOND, templateNamed, type Place, type World } from './world.ts'

/** A month of many workspaces in which nothing is spared, from one seed. */

export interface Wanted {
  readonly seed: number
  readonly places: number
  readonly days: number
}

export interface Outcome {
  readonly counts: Readonly<Record<string, number>>
}

/** As a violation prints it. */
export function seedNamed(text: string): { readonly places: number; readonly seed: number } {
  const [places, seed] = text.split(':').map(Number)
  if (!places || seed === undefined || Number.isNaN(seed)) throw new Error(`SIMULATION_SEED=${text} is not written places:seed`)
  return { places, seed }
}

/** With both changes of European and American clocks not far away. */
const START = Date.parse('2026-10-20T00:00:00Z')
const CALM = 6 * HOUR

interface Stage {
  readonly world: World
  readonly agenda: Agenda
  readonly random: Random
  readonly hands: Hands
  readonly controller: Controller
  readonly end: number
  readonly nextId: () => number
}

export function simulate({ seed, places, days }: Wanted): Outcome {
  const random = randomFrom(seed)
  const agenda = createAgenda(START)
  const checks = createChecks(`${places}:${seed}`)
  const world = newWorld(random, places)
  let hands: Hands | null = null
  const theHands = (): Hands => {
    if (!hands) throw new Error('not built yet')
    return hands
  }
  const controller = createController({ world, agenda, random, checks, hands: theHands })
  hands = createHands({ world, agenda, random, changed: controller.changed })
  let ids = 0
  const nextId = () => (ids += 1)
  const stage: Stage = { world, agenda, random, hands, controller, nextId, end: START + days * DAY }
  for (const place of world.places) live(stage, place)
  for (const trouble of TROUBLES) again(stage, trouble.everyMs, () => trouble.happens(stage))
  again(stage, 10 * MINUTE, () => {
    for (let i = 0; i < Math.max(5, places / 25); i += 1) controller.audit(pickPlace(stage))
  })
  controller.lookAtAll()
  agenda.until(stage.end)
  hands.calm()
  controller.calm()
  hands.provisionerReturns()
  agenda.until(stage.end + HOUR)
  controller.lookAtAll()
  agenda.until(stage.end + CALM)
  checks.atTheEnd(world, agenda.now)
  return { counts: Object.fromEntries([...checks.counts].toSorted()) }
}

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'] as const
const WORKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri'] as const
const ALL_DAYS = [...WORKDAYS, 'Sat', 'Sun'] as const

function newWorld(random: Random, count: number): World {
  const owners = Array.from({ length: Math.max(5, Math.ceil(count / 10)) }, () => ({
    suspended: false,
    timezone: random.pick(ZONES),
    quietHours: random.pick(['00:00', '03:30', '22:00']),
  }))
  const templates = Array.from({ length: 6 }, (_, i) => templateNamed(`t${i}`, randomPolicy(random)))
  const places = Array.from({ length: count }, (_, i) =>
    newPlace(
      i,
      START - random.between(0, 3 * DAY),
      declaredAtRandom(random),
      random.between(0, owners.length - 1),
      random.between(0, templates.length - 1),
    ),
  )
  return { places, owners, templates, provisionerUp: true, provisionerSeenAt: START, controllerStartedAt: START, clockJumpedAt: null }
}

function randomPolicy(random: Random): PolicyRow {
  const idle = random.pick([0, 30 * MINUTE, HOUR, 4 * HOUR])
  return {
    ttlMs: random.pick([0, HOUR, 8 * HOUR, DAY]),
    ownTtl: random.chance(0.8),
    activityBumpMs: random.pick([0, HOUR, 2 * HOUR]),
    idleAfter: { defaultMs: idle, minMs: random.pick([0, 15 * MINUTE]), maxMs: random.pick([0, 6 * HOUR]) },
    maxHoldMs: random.pick([HOUR, DAY]),
    autostart: { allowed: random.chance(0.9), days: random.chance(0.5) ? [...ALL_DAYS] : [...WORKDAYS] },
    requirement: { days: random.chance(0.3) ? [random.pick(ALL_DAYS)] : [], weeks: random.pick([1, 1, 2, 3]) },
    failureTtlMs: random.pick([0, HOUR]),
    dormantAfterMs: random.pick([0, 3 * DAY, 10 * DAY]),
    deleteDormantAfterMs: random.pick([0, 2 * DAY, 7 * DAY]),
  }
}

/** Frozen: whoever writes what is declared fails here. */
function declaredAtRandom(random: Random): Place['declared'] {
  const zone = random.chance(0.5) ? `CRON_TZ=${random.pick(ZONES)} ` : ''
  const minute = random.chance(0.7) ? 0 : random.between(0, 59)
  return Object.freeze<Place['declared']>({
    power: random.pick<Place['declared']['power']>(['Auto', 'Auto', 'Auto', 'Auto', 'Auto', 'Auto', 'Auto', 'Auto', 'Running', 'Stopped']),
    schedule: Object.freeze({
      autostart: random.chance(0.6)
        ? `${zone}${minute} ${random.pick([0, 2, 3, 7, 8, 9, 9, 9])} * * ${random.pick(['1-5', '*', 'Mon,Thu'])}`
        : null,
      ttlMs: random.pick([null, null, 0, HOUR, 9 * HOUR]),
      idleAfterMs: random.pick([null, null, 0, HOUR]),
      timezone: random.chance(0.3) ? random.pick(ZONES) : null,
    }),
    parameters: Object.freeze(random.chance(0.3) ? { cpu: String(random.between(1, 8)) } : {}),
    paused: random.chance(0.02),
    updates: random.pick<Place['declared']['updates']>(['Manual', 'Manual', 'Automatic']),
  })
}

const pickPlace = ({ world, random }: Stage): Place => world.places[random.between(0, world.places.length - 1)]!

function again({ agenda, random, end }: Pick<Stage, 'agenda' | 'random' | 'end'>, everyMs: number, what: () => void): void {
  const next = () => {
    if (agenda.now >= end) return
    what()
    agenda.at(agenda.now + random.waitMs(everyMs), next)
  }
  agenda.at(agenda.now + random.waitMs(everyMs), next)
}

/** What somebody does with a workspace: works in it on most days, asks for things, changes what is declared. */
function live(stage: Stage, place: Place): void {
  const { random, agenda, hands, controller } = stage
  const alive = (what: () => void) => () => (place.gone ? undefined : what())
  again(
    stage,
    random.pick([8 * HOUR, DAY, 4 * DAY, 40 * DAY]),
    alive(() => comesToWork(stage, place, 0)),
  )
  again(
    stage,
    5 * DAY,
    alive(() => asks(stage, place)),
  )
  again(
    stage,
    12 * DAY,
    alive(() => {
      place.declared = declaredAtRandom(random)
      place.editedAt = agenda.now
      controller.changed(place)
    }),
  )
  again(
    stage,
    15 * DAY,
    alive(() => hands.loseMachine(place)),
  )
  again(
    stage,
    3 * DAY,
    alive(() => hands.blip(place, random.pick([2 * SECOND, 40 * SECOND, 5 * MINUTE, 3 * HOUR]))),
  )
  again(
    stage,
    120 * DAY,
    alive(() => {
      place.deleting = true
      place.gone = !place.finalizer
      controller.changed(place)
    }),
  )
}

function comesToWork(stage: Stage, place: Place, tries: number): void {
  const { random, agenda, controller, end } = stage
  const { connection } = place
  if (agenda.now >= end || place.gone) return
  if (connection?.connected && connection.agent.lifecycle === 'Ready') {
    hear(place, agenda.now)
    place.worksUntil = agenda.now + random.between(5 * MINUTE, 3 * HOUR)
    place.usedAt = agenda.now
    controller.changed(place)
    if (random.chance(0.6)) agenda.at(place.worksUntil + random.between(MINUTE, HOUR), () => comesToWork(stage, place, 3))
    return
  }
  if (tries >= 3) return
  if (tries === 0 && random.chance(0.7)) ask(stage, place, { action: 'Start' })
  agenda.at(agenda.now + random.between(MINUTE, 10 * MINUTE), () => comesToWork(stage, place, tries + 1))
}

function asks(stage: Stage, place: Place): void {
  const { random, agenda } = stage
  const action = random.pick<RequestSeen['action']>(['Start', 'Stop', 'Restart', 'Extend', 'Hold', 'CancelBuild', 'Hold', 'Extend'])
  const forMs = random.pick([0, 10 * MINUTE, HOUR, 5 * HOUR, 30 * HOUR])
  const until = action === 'Extend' && random.chance(0.5) ? agenda.now + forMs : null
  ask(stage, place, { action, until, forMs: action === 'Hold' || (action === 'Extend' && until === null) ? forMs : null })
  if (random.chance(0.2)) ask(stage, place, { action: random.pick<RequestSeen['action']>(['Start', 'Stop', 'Restart']) })
}

const ANSWERED_KEPT = HOUR

function ask({ agenda, controller, nextId }: Stage, place: Place, wanted: Pick<RequestSeen, 'action'> & Partial<RequestSeen>): void {
  // Told in seconds, as objects have it.
  const createdAt = agenda.now - (agenda.now % SECOND)
  const number = nextId()
  const request: RequestSeen = {
    name: `r${number}`,
    uid: `request-${number}`,
    createdAt,
    boundUid: null,
    declared: false,
    until: null,
    forMs: null,
    planDigest: null,
    why: null,
    answer: null,
    ...wanted,
  }
  place.requests = [...place.requests.filter(({ answer, createdAt: at }) => !answer || agenda.now - at < ANSWERED_KEPT), request]
  controller.changed(place)
}

/** What happens to everybody. */
const TROUBLES: readonly { readonly everyMs: number; readonly happens: (stage: Stage) => void }[] = [
  {
    everyMs: 4 * DAY,
    happens({ agenda, random, hands, world, controller }) {
      if (!world.provisionerUp) return
      hands.provisionerLeaves()
      agenda.at(agenda.now + random.pick([30 * SECOND, 3 * MINUTE, HOUR, 5 * HOUR]), () => {
        hands.provisionerReturns()
        for (const place of world.places) {
          const waits = place.before.conditions.some(({ reason }) => reason === 'NoProvisioner')
          if (waits) controller.changed(place)
        }
      })
    },
  },
  { everyMs: 3 * DAY, happens: ({ random, controller }) => controller.kill(random.pick([5 * SECOND, 10 * MINUTE, 3 * HOUR])) },
  {
    everyMs: 10 * DAY,
    happens({ world, agenda, controller }) {
      world.clockJumpedAt = agenda.now
      if (controller.isUp) controller.lookAtAll()
    },
  },
  {
    everyMs: 5 * DAY,
    happens({ world, random, agenda, controller }) {
      const i = random.between(0, world.templates.length - 1)
      world.templates[i] = { ...world.templates[i]!, policy: randomPolicy(random) }
      for (const place of world.places) {
        if (place.template !== i) continue
        place.editedAt = agenda.now
        controller.changed(place)
      }
    },
  },
  {
    everyMs: 6 * DAY,
    happens({ world, random, agenda, controller }) {
      const i = random.between(0, world.owners.length - 1)
      const suspend = (suspended: boolean) => {
        world.owners[i]!.suspended = suspended
        for (const place of world.places) if (place.owner === i && !place.gone) controller.changed(place)
      }
      suspend(true)
      agenda.at(agenda.now + random.pick([MINUTE, 5 * HOUR, 3 * DAY]), () => suspend(false))
    },
  },
]
