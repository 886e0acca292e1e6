import type { Job, JobPhase } from '../../controller/store/records.ts'
import type { Reason } from '../../controller/kernel/reasons.ts'
import { agent } from '../decide/worlds.ts'
import type { Agenda } from './agenda.ts'
import type { Random } from './random.ts'
import { hear, inFlight, MINUTE, provisionerSeenAt, replaceBuild, SECOND, type Place, type World } from './world.ts'

/** Provisioner, machines and agents: they do what builds say, sometimes fail, sometimes go away, and tell the controller. */
export interface Hands {
  /** Takes what is queued. */
  serve(place: Place): void
  cancel(place: Place, job: Job, by: string): void
  look(place: Place, job: Job): void
  shutdown(place: Place): void
  loseMachine(place: Place): void
  blip(place: Place, ms: number): void
  provisionerLeaves(): void
  provisionerReturns(): void
  /** From now on nothing fails any more. */
  calm(): void
}

export interface HandsPorts {
  readonly world: World
  readonly agenda: Agenda
  readonly random: Random
  /** Something changed; the controller is told, unless that is lost. */
  readonly changed: (place: Place) => void
}

const jobOf = (place: Place, id: string) => place.builds.find((job) => job.id === id)

const isThere = (place: Place, id: string) => place.machine && place.connection?.agent.id === id

export function createHands({ world, agenda, random, changed }: HandsPorts): Hands {
  let isCalm = false
  const fails = (probability: number) => !isCalm && random.chance(probability)
  const after = (least: number, most: number, what: () => void) => agenda.at(agenda.now + random.between(least, most), what)

  const finish = (place: Place, id: string, phase: JobPhase, errorReason: Reason | null) => {
    const now = agenda.now
    replaceBuild(place, id, { phase, errorReason, error: errorReason && 'it did not work', finishedAt: now, result: {} })
    const { transition, startedAt } = jobOf(place, id)!
    // A build that ended has answered every wish to shut down.
    if (place.connection) place.connection.agent = { ...place.connection.agent, shutdownRequestedAt: null }
    if (phase === 'Succeeded' && transition === 'start') arrive(place)
    else if (phase === 'Succeeded') leave(place)
    // A start that failed half way may leave something behind.
    else if (transition === 'start' && startedAt !== null && !place.machine) place.machine = random.chance(0.3)
    changed(place)
  }

  const begin = (place: Place, id: string) => {
    if (!world.provisionerUp || jobOf(place, id)?.phase !== 'Queued') return
    replaceBuild(place, id, { phase: 'Running', claimedAt: agenda.now, startedAt: agenda.now, provisionerId: 'p1' })
    after(2 * SECOND, 15 * SECOND, () => {
      if (jobOf(place, id)?.phase !== 'Running') return
      if (fails(0.06)) finish(place, id, 'Failed', 'BuildFailed')
      else finish(place, id, 'Succeeded', null)
    })
  }

  /** A new machine with a new agent, which dials in, mostly. */
  const arrive = (place: Place) => {
    const now = agenda.now
    hear(place, now)
    place.machine = true
    place.worksUntil = 0
    const id = `agent-${place.builds[0]!.id}`
    const never = { firstConnectedAt: null, connectedAt: null, lastSeenAt: null, reportedAt: null, readyAt: null }
    place.connection = {
      agent: agent({ ...never, id, createdAt: now, lifecycle: 'Created', status: 'Connecting' }),
      connected: false,
      heardAt: now,
    }
    if (!fails(0.02)) after(SECOND, 20 * SECOND, () => connect(place, id))
  }
  const connect = (place: Place, id: string) => {
    const { connection } = place
    if (!connection || !isThere(place, id) || connection.connected) return
    const now = agenda.now
    const first = connection.agent.firstConnectedAt === null
    connection.connected = true
    connection.heardAt = now
    connection.agent = { ...connection.agent, firstConnectedAt: connection.agent.firstConnectedAt ?? now, connectedAt: now }
    if (first) {
      connection.agent = { ...connection.agent, lifecycle: 'Starting' }
      after(SECOND, 30 * SECOND, () => {
        if (!isThere(place, id) || connection.agent.lifecycle !== 'Starting') return
        connection.agent = { ...connection.agent, lifecycle: 'Ready', readyAt: agenda.now }
        changed(place)
      })
    }
    changed(place)
  }
  const disconnect = (place: Place) => {
    const { connection } = place
    if (!connection?.connected) return
    hear(place, agenda.now)
    connection.connected = false
    connection.heardAt = agenda.now
    place.worksUntil = Math.min(place.worksUntil, agenda.now)
    changed(place)
  }
  const leave = (place: Place) => {
    hear(place, agenda.now)
    place.machine = false
    place.connection = null
    place.worksUntil = 0
  }
  const answerLook = (place: Place, job: Job) => {
    if (place.look?.id !== job.id || place.look.finishedAt !== null || !world.provisionerUp) return
    const machines = [{ type: 'bothy_process', name: 'main', present: place.machine }]
    place.look = { ...job, phase: 'Succeeded', startedAt: agenda.now, finishedAt: agenda.now, result: { machines } }
    changed(place)
  }

  return {
    serve(place) {
      const job = inFlight(place)
      if (job?.phase === 'Queued') after(100, 2 * SECOND, () => begin(place, job.id))
    },
    cancel(place, job, by) {
      const now = agenda.now
      const live = jobOf(place, job.id)
      if (!live || live.finishedAt !== null || live.cancelRequestedAt !== null) return
      replaceBuild(place, job.id, { cancelRequestedAt: now, cancelBy: by })
      if (live.phase === 'Queued') return finish(place, job.id, 'Canceled', 'BuildCanceled')
      replaceBuild(place, job.id, { phase: 'Canceling' })
      after(SECOND, 3 * SECOND, () => {
        if (jobOf(place, job.id)?.phase === 'Canceling') finish(place, job.id, 'Canceled', 'BuildCanceled')
      })
    },
    look: (place, job) => after(500, 4 * SECOND, () => answerLook(place, job)),
    shutdown(place) {
      const { connection } = place
      if (!connection?.connected) return
      const { id } = connection.agent
      const told = (lifecycle: 'ShuttingDown' | 'Off') => {
        if (!isThere(place, id)) return
        connection.agent = { ...connection.agent, lifecycle }
        changed(place)
      }
      after(10, 500, () => told('ShuttingDown'))
      // A script that hangs.
      if (!fails(0.05)) after(SECOND, 20 * SECOND, () => told('Off'))
    },
    loseMachine(place) {
      if (!place.machine || inFlight(place)) return
      disconnect(place)
      place.machine = false
    },
    blip(place, ms) {
      const { connection } = place
      if (!connection?.connected) return
      disconnect(place)
      agenda.at(agenda.now + ms, () => connect(place, connection.agent.id))
    },
    provisionerLeaves() {
      world.provisionerSeenAt = provisionerSeenAt(world, agenda.now)
      world.provisionerUp = false
    },
    provisionerReturns() {
      if (world.provisionerUp) return
      world.provisionerUp = true
      world.provisionerSeenAt = agenda.now
      for (const place of world.places) {
        const job = inFlight(place)
        // What its former self was at is told apart by what it finds.
        if (job && job.phase !== 'Queued') finish(place, job.id, 'Failed', random.pick(['ProvisionerLost', 'Interrupted']))
        else if (job) after(100, 5 * SECOND, () => begin(place, job.id))
        const { look } = place
        if (look && look.finishedAt === null) after(100, 5 * SECOND, () => answerLook(place, look))
      }
    },
    calm() {
      isCalm = true
      for (const place of world.places) {
        const { connection } = place
        if (connection && !connection.connected && place.machine) after(0, MINUTE, () => connect(place, connection.agent.id))
      }
    },
  }
}
