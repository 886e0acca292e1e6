import { hostname } from 'node:os'
import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { PLACE_LABEL } from '../kernel/names.ts'
import { ANY_SOURCE, type SourceRules } from '../kernel/source-rules.ts'
import type { Db } from '../store/pool.ts'
import { heartbeatProvisioner, withdrawProvisioner } from '../store/provisioners.ts'
import { reapJobs } from '../store/reap-jobs.ts'
import type { Claim } from '../store/records.ts'
import type { Sealer } from '../store/sealed.ts'
import { BUILD_LIMITS, type BuildLimits } from './build-limits.ts'
import { createClassifier, type Classifier } from './classify.ts'
import { passedOf, waysOut } from './environment.ts'
import { buildsFolder } from './folder.ts'
import { createJobs } from './jobs.ts'
import type { Hold } from './hold.ts'
import type { MachinesFor, Tools } from './job.ts'
import { placeIn } from './place.ts'
import { prepareTerraform } from './prepare.ts'
import { every } from './rhythm.ts'
import { runJob } from './run-job.ts'
import { createShelf } from './shelf.ts'
import { endStrays } from './strays.ts'
import { CERTIFICATES_INSIDE } from './world.ts'

export interface ProvisionerConfig {
  /** Of this run: two that run at once never share one. */
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** How many jobs at once. */
  readonly capacity: number
  readonly stateDir: string
  readonly accessUrl: () => string
  /** A path or a name; null: the first of terraform and tofu. */
  readonly terraform: string | null
  readonly isolation: 'required' | 'preferred' | 'none'
  readonly version: string
  /** Names of variables that terraform may see. */
  readonly passEnvironment: readonly string[]
  /** Where programs are looked for: the value of PATH. */
  readonly searchPath: string
  /** Where the variables of those names are looked up; nothing else of it is used. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly limits?: Partial<Limits>
  /** What one build may use. */
  readonly buildLimits?: Partial<BuildLimits>
  /** Where providers and modules may come from. Left out: wherever terraform can fetch them. */
  readonly sources?: SourceRules
}

export interface Limits {
  /** Of a claim; it is renewed each second. */
  readonly leaseMs: number
  readonly buildMs: number
  /** Between SIGINT and SIGKILL. */
  readonly graceMs: number
  /** For the machine that holds what a dead provisioner left, before somebody else calls it lost. */
  readonly elsewhereMs: number
  /** Between two looks around, whoever calls or not. */
  readonly lookMs: number
}

const LIMITS: Limits = { leaseMs: 10_000, buildMs: 30 * 60_000, graceMs: 3 * 60_000, elsewhereMs: 60_000, lookMs: 5_000 }

export interface ProvisionerOptions {
  readonly db: Db
  readonly sealer: Sealer
  readonly clock: Clock
  readonly log: Log
  readonly metrics?: Metrics
  readonly config: ProvisionerConfig
  readonly machinesFor: MachinesFor
}

export interface Provisioner {
  /** Rejects where it can never work: no terraform, or no sandbox where one is required. */
  start(): Promise<void>
  /** Claims no more; resolves when everything it runs has ended. */
  drain(): Promise<void>
  /** One SIGINT to everything it runs; each ends as canceled, with its state kept. */
  cancelRunning(): void
  /** Ends for good. What still runs gets one SIGINT and is left to the next start to tell apart. */
  close(): Promise<void>
  running(): number
}

const HEARTBEAT_MS = 60_000
const SWEEP_MS = 10 * 60_000
/** Long enough for the signals to be sent, and for most to end. */
const CLOSE_MS = 500

export function createProvisioner(options: ProvisionerOptions): Provisioner {
  const { db, clock, log, config } = options
  const limits = { ...LIMITS, ...config.limits }
  const over = new AbortController()
  // An operator may say that it stands for another place, or that several are one.
  const labels = { [PLACE_LABEL]: placeOf(config), ...config.labels }
  let tools: Tools | null = null
  const jobs = createJobs({
    db,
    clock,
    log,
    limits,
    claimant: { provisionerId: config.id, labels },
    capacity: config.capacity,
  })
  const loops: Promise<void>[] = []
  let stopListening: (() => Promise<void>) | null = null
  let closing: Promise<void> | null = null

  options.metrics?.gauge('bothy_provisioner_running_jobs', 'Jobs that this provisioner runs now.', () => jobs.running().size)

  const heartbeat = async (): Promise<void> => {
    if (!tools || !jobs.accepting()) return
    const { id, name, version, capacity } = config
    await heartbeatProvisioner(db, { id, name, labels, version, capacity, isolation: tools.sandbox.description })
  }
  /** Nothing is promised to it any more; where the database is away its silence says the same. */
  const withdraw = async (): Promise<void> => {
    if (tools) await withdrawProvisioner(db, config.id).catch((error: unknown) => log.warn('not withdrawn', { error: messageOf(error) }))
  }
  const close = async (): Promise<void> => {
    over.abort()
    jobs.refuse()
    jobs.abortAll('closing')
    const enough = new AbortController()
    await Promise.race([Promise.all([jobs.idle(), ...loops]), clock.sleep(CLOSE_MS, enough.signal)])
    enough.abort()
    await Promise.all([stopListening?.(), withdraw()])
  }

  return {
    async start() {
      const ready = await toolsOf(options, limits.graceMs)
      tools = ready
      log.info('provisioner ready', { terraform: ready.terraform.path, isolation: ready.sandbox.description, capacity: config.capacity })
      endStrays(buildsFolder(config.stateDir))
      jobs.accept((claim, hold, worked) => seeThrough(options, ready, claim, hold, worked))
      await heartbeat()
      // Told to end while it started: it may have said that it is there after it was to say that it is not.
      if (!jobs.accepting()) return withdraw()
      stopListening = await db.listen(
        'bothy_jobs',
        () => void jobs.claimMore(),
        () => void jobs.claimMore(),
      )
      const classifier = createClassifier(ready, { provisionerId: config.id, limitMs: limits.buildMs, ...limits })
      loops.push(
        every(clock, HEARTBEAT_MS, over.signal, log, heartbeat),
        every(clock, limits.lookMs, over.signal, log, () => jobs.claimMore()),
        every(clock, limits.lookMs, over.signal, log, () => lookAround(options, classifier, jobs.running)),
        every(clock, SWEEP_MS, over.signal, log, () => ready.shelf.sweep()),
      )
    },
    async drain() {
      jobs.refuse()
      await withdraw()
      await jobs.idle()
    },
    cancelRunning: () => jobs.abortAll('canceled'),
    close: () => (closing ??= close()),
    running: () => jobs.running().size,
  }
}

const placeOf = ({ labels, stateDir }: ProvisionerConfig): string => labels[PLACE_LABEL] ?? placeIn(stateDir)

/** What reads a template as a provisioner does, without being one. */
export const offlineTools = (options: ProvisionerOptions): Promise<Tools> => toolsOf(options, LIMITS.graceMs)

async function toolsOf({ db, sealer, clock, log, config, machinesFor }: ProvisionerOptions, graceMs: number): Promise<Tools> {
  const { stateDir, accessUrl, isolation, searchPath } = config
  const buildLimits = { ...BUILD_LIMITS, ...config.buildLimits }
  const certificates = config.environment['SSL_CERT_FILE'] || null
  const prepared = await prepareTerraform({
    chosen: config.terraform,
    searchPath,
    isolation,
    stateDir,
    certificates,
    limits: buildLimits,
    clock,
    log,
  })
  const trust =
    certificates === null ? {} : { SSL_CERT_FILE: prepared.sandbox.seenAt({ outside: certificates, inside: CERTIFICATES_INSIDE }) }
  const shelf = createShelf({
    ...prepared,
    db,
    clock,
    log,
    stateDir,
    buildLimits,
    rules: config.sources ?? ANY_SOURCE,
    ways: { ...waysOut(config.environment), ...trust },
  })
  const passed = { ...passedOf(config.passEnvironment, config.environment), ...trust }
  return {
    ...prepared,
    shelf,
    db,
    sealer,
    clock,
    log,
    machinesFor,
    stateDir,
    accessUrl,
    graceMs,
    buildLimits,
    passed,
    host: hostname(),
    place: placeOf(config),
  }
}

/** Never rejects: a job that cannot be told of is left to its lease. */
async function seeThrough(
  { clock, log, metrics }: ProvisionerOptions,
  tools: Tools,
  claim: Claim,
  hold: Hold,
  worked: () => void,
): Promise<void> {
  const startedAtMs = clock.elapsedMs()
  const { kind } = claim.job
  try {
    const phase = await runJob(tools, claim, hold, worked)
    const seconds = (clock.elapsedMs() - startedAtMs) / 1000
    log.info('a job ended', { job: claim.job.id, kind, subject: claim.job.subject.name, phase: phase ?? 'left', seconds })
    metrics?.count('bothy_jobs_total', 'Jobs by kind and outcome.', { kind, outcome: phase ?? 'left' })
    metrics?.observe('bothy_job_seconds', 'From claim to outcome.', seconds, { kind })
  } catch (error) {
    log.error('a job was left without an outcome', { job: claim.job.id, error })
  }
}

/** Whatever hangs anywhere is ended, whatever was lost is told apart, whatever is over is cleaned away. */
async function lookAround({ db, log }: ProvisionerOptions, classifier: Classifier, running: () => ReadonlySet<string>): Promise<void> {
  await classifier.look(running())
  for (const job of await reapJobs(db)) log.warn('a job was ended because nobody could or did', { job: job.id, reason: job.errorReason })
  await classifier.sweep(running())
}
