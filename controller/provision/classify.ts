import { existsSync } from 'node:fs'
import { isSame } from '../kernel/pids.ts'
import { lostClaims, releaseClaim, takeOver } from '../store/claim-jobs.ts'
import { finishJob } from '../store/finish-job.ts'
import { intentOf, jobById } from '../store/read-jobs.ts'
import type { Claim, Intent, Job } from '../store/records.ts'
import { keepLateState, newestState } from '../store/states.ts'
import { buildsFolder, folderOf, foldersLeft, mayInterrupt, removePath, setAside, stateIn } from './folder.ts'
import { holdClaim } from './hold.ts'
import { keptAgent, type Ending, type Tools } from './job.ts'
import { orphansIn } from './machines-left.ts'
import { agentsIn } from './manifest.ts'
import { placed } from './place.ts'
import { machinesIn, parseState, type State } from './state.ts'
import { endStrays } from './strays.ts'
import { send } from './terraform.ts'

/**
 * What a provisioner left behind that died or was cut off, told apart by what is on this machine:
 *
 *   nothing written down          → nothing was done: back into the queue
 *   written down, not here        → ProvisionerLost, the state before counts
 *   terraform still runs          → one SIGINT, if it had none; wait; then as below
 *   a newer state in the folder   → kept, Interrupted
 *   no state                      → Interrupted; our machines are found again by their names
 */
export interface Classifier {
  /** One look at all that is lost; jobs that run here are left alone. */
  look(running: ReadonlySet<string>): Promise<void>
  /** Removes the folders of jobs that have ended. */
  sweep(running: ReadonlySet<string>): Promise<void>
}

export interface ClassifierOptions {
  readonly provisionerId: string
  readonly leaseMs: number
  readonly limitMs: number
  /** How long the machine that has the folder goes first: it alone can tell. */
  readonly elsewhereMs: number
}

/** A job that ends every provisioner that takes it is not tried for ever. */
const CLAIMS_MAX = 10
const LOOK_AGAIN_MS = 100

export function createClassifier(tools: Tools, options: ClassifierOptions): Classifier {
  const lostSinceMs = new Map<string, number>()
  return {
    async look(running) {
      const jobs = (await lostClaims(tools.db, null)).filter(({ id }) => !running.has(id))
      const ids = new Set(jobs.map(({ id }) => id))
      for (const id of lostSinceMs.keys()) if (!ids.has(id)) lostSinceMs.delete(id)
      // Together: waiting for one terraform to end must not keep the others waiting.
      await Promise.all(
        jobs.map(async (job) => {
          const intent = await intentOf(tools.db, job.id)
          const since = lostSinceMs.get(job.id) ?? tools.clock.elapsedMs()
          lostSinceMs.set(job.id, since)
          if (intent && !isHere(tools, intent) && tools.clock.elapsedMs() - since < options.elsewhereMs) return
          await settle(tools, options, job, intent)
        }),
      )
    },
    async sweep(running) {
      for (const id of await foldersLeft(tools.stateDir)) {
        if (!running.has(id)) await sweepFolder(tools, id)
      }
    },
  }
}

/** One that was killed between saying where it would work and making the folder had begun nothing: nobody elsewhere knows more. */
const isHere = ({ host, place }: Tools, intent: Intent): boolean =>
  intent.host === host && (existsSync(intent.folder) || (intent.place === place && intent.pid === undefined))

async function settle(tools: Tools, options: ClassifierOptions, job: Job, intent: Intent | null): Promise<void> {
  const { db, log } = tools
  const claim = await takeOver(db, job.id, options.provisionerId, options.leaseMs)
  if (!claim) return
  log.info('a job was left behind', { job: job.id, kind: job.kind, written: intent !== null })
  endStrays(buildsFolder(tools.stateDir))
  if (!intent && claim.epoch <= CLAIMS_MAX && (await releaseClaim(db, claim))) return
  // The same lease that its holder had: waiting for terraform may take longer than one.
  const hold = holdClaim({ db, clock: tools.clock, log, leaseMs: options.leaseMs, limitMs: options.limitMs }, claim)
  try {
    const here = intent !== null && isHere(tools, intent)
    const end = here ? await endOf(tools, intent) : 'unknown'
    if (hold.lost()) return
    const ending = await endingOf(tools, claim, intent, { here, end })
    if ((await finishJob(db, claim, ending)) && here) await removePath(folderOf(tools.stateDir, job.id))
  } finally {
    hold.close()
  }
}

/** How a terraform ended that outlived its provisioner; unknown where nobody saw it. */
type End = 'saved' | 'killed' | 'unknown'

/** Waits for it, where it still runs. */
async function endOf({ clock, graceMs }: Tools, { folder, pid, pidStartedAt }: Intent): Promise<End> {
  if (pid === undefined || pidStartedAt === undefined || !isSame(pid, pidStartedAt)) return 'unknown'
  const process = { pid, startedAt: pidStartedAt }
  if (mayInterrupt(folder)) send(process, 'SIGINT', true)
  const since = clock.elapsedMs()
  while (isSame(pid, pidStartedAt)) {
    if (clock.elapsedMs() - since > graceMs) {
      send(process, 'SIGKILL', true)
      return 'killed'
    }
    await clock.sleep(LOOK_AGAIN_MS)
  }
  return 'saved'
}

interface Found {
  readonly here: boolean
  readonly end: End
}

async function endingOf(tools: Tools, { job }: Claim, intent: Intent | null, { here, end }: Found): Promise<Ending> {
  const sealed = await newestState(tools.db, job.subject.uid)
  const before = sealed && parseState(tools.sealer.open(sealed, job.subject.uid))
  const bytes = here && intent ? await stateIn(intent.folder) : null
  const left = bytes && parseState(bytes)
  const newer = left !== null && isNewer(left, before)
  const state = newer ? left : before
  const agents = state ? agentsIn(state) : null
  // One that ended when it was told to has written down everything it made.
  const orphans = end === 'saved' && newer ? [] : orphansIn(intent?.planned ?? [], state)
  return {
    ...verdictOf(job, intent, { here, end }, newer),
    state: newer && bytes ? tools.sealer.seal(bytes, job.subject.uid) : null,
    agents: agents === null || typeof agents === 'string' ? null : agents.map((agent) => keptAgent(tools, agent)),
    result: {
      machines: state ? machinesIn(state) : [],
      ...(intent?.place === undefined ? {} : placed(intent.place, [...intent.creates, ...(state ? machinesIn(state) : [])])),
      resources: state?.instances.length ?? 0,
      ...(orphans.length > 0 ? { orphans } : {}),
    },
  }
}

const isNewer = (left: State, before: State | null): boolean => !before || left.lineage !== before.lineage || left.serial > before.serial

function verdictOf(job: Job, intent: Intent | null, { here, end }: Found, newer: boolean): Pick<Ending, 'phase' | 'reason' | 'error'> {
  const phase = job.cancelRequestedAt === null ? 'Failed' : 'Canceled'
  if (end === 'killed')
    return { phase, reason: 'OrphansPossible', error: 'terraform outlived its provisioner, did not end when told to, and was killed' }
  if (!intent) return { phase, reason: 'Interrupted', error: 'every provisioner that took this job ended before it began' }
  if (!here)
    return { phase, reason: 'ProvisionerLost', error: `its provisioner on ${intent.host} is gone, and with it what the build left there` }
  const what = newer ? 'the state it left was kept' : 'it left no newer state'
  return { phase, reason: 'Interrupted', error: `the provisioner ended during the build; ${what}` }
}

async function sweepFolder(tools: Tools, id: string): Promise<void> {
  const job = /^\d{1,18}$/.test(id) ? await jobById(tools.db, id) : null
  if (!job) return tools.log.warn('a build folder belongs to no job that is known; it is kept', { folder: folderOf(tools.stateDir, id) })
  if (job.finishedAt === null) return
  const folder = folderOf(tools.stateDir, id)
  const intent = await intentOf(tools.db, id)
  if (intent?.pid !== undefined && intent.pidStartedAt !== undefined && isSame(intent.pid, intent.pidStartedAt)) {
    if (mayInterrupt(folder)) send({ pid: intent.pid, startedAt: intent.pidStartedAt }, 'SIGINT', true)
    return
  }
  if (job.kind === 'build' && job.phase !== 'Succeeded' && !(await keptLate(tools, job, folder))) return
  await removePath(folder)
}

/**
 * A build that was called lost while this machine was away may have left a state that nobody else has. false: it came too late to
 * count, since the workspace was built again without it; then it is set aside for people, for it alone knows what is there.
 */
async function keptLate({ db, sealer, log }: Tools, job: Job, folder: string): Promise<boolean> {
  const bytes = await stateIn(folder)
  const left = bytes && parseState(bytes)
  if (!bytes || !left) return true
  const sealed = await newestState(db, job.subject.uid)
  if (!isNewer(left, sealed && parseState(sealer.open(sealed, job.subject.uid)))) return true
  if (await keepLateState(db, job.subject.uid, job.id, sealer.seal(bytes, job.subject.uid))) {
    log.warn('the state of a build that had been given up was found and kept', { job: job.id, workspace: job.subject.name })
    return true
  }
  const aside = await setAside(folder)
  log.error('a build that had been given up left a state that no longer counts: see what of it is still there', { job: job.id, aside })
  return false
}
