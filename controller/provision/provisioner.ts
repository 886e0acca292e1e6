import { hostname } from 'node:os'
import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { claimJob } from '../store/claim-jobs.ts'
import type { Db } from '../store/pool.ts'
import { heartbeatProvisioner, withdrawProvisioner } from '../store/provisioners.ts'
import { reapJobs } from '../store/reap-jobs.ts'
import type { Claim } from '../store/records.ts'
import type { Sealer } from '../store/sealed.ts'
import { createClassifier, type Classifier } from './classify.ts'
import { passedOf } from './environment.ts'
import { holdClaim, type Hold } from './hold.ts'
import type { MachinesFor, Tools } from './job.ts'
import { prepareTerraform } from './prepare.ts'
import { runJob } from './run-job.ts'

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
}

export interface Limits {
  /** Of a claim; it is renewed each second. */
  readonly leaseMs: number
  readonly buildMs: number
  /** Between SIGINT and SIGKILL. */
  readonly graceMs: number
}

const LIMITS: Limits = { leaseMs: 10_000, buildMs: 30 * 60_000, graceMs: 3 * 60_000 }

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

interface Running {
  readonly hold: Hold
  readonly done: Promise<void>
}

const LOOK_MS = 5_000
const HEARTBEAT_MS = 60_000
/** Long enough for the signals to be sent, and for most to end. */
const CLOSE_MS = 500

export function createProvisioner(options: ProvisionerOptions): Provisioner {
  const { db, clock, log, config } = options
  const limits = { ...LIMITS, ...config.limits }
  const running = new Map<string, Running>()
  const over = new AbortController()
  let tools: Tools | null = null
  let accepting = false
  let stopListening: () => Promise<void> = async () => {}
  let closing: Promise<void> | null = null

  options.metrics?.gauge('bothy_provisioner_running_jobs', 'Jobs that this provisioner runs now.', () => running.size)

  const begin = (ready: Tools, claim: Claim): void => {
    const hold = holdClaim({ db, clock, log, leaseMs: limits.leaseMs, limitMs: limits.buildMs }, claim)
    const done = seeThrough(options, ready, claim, hold).finally(() => {
      hold.close()
      running.delete(claim.job.id)
      void claimMore()
    })
    running.set(claim.job.id, { hold, done })
  }
  const claimMore = oneAtATime(async () => {
    while (tools && accepting && running.size < config.capacity) {
      const claim = await claimJob(db, { provisionerId: config.id, labels: config.labels, leaseMs: limits.leaseMs })
      if (!claim) return
      begin(tools, claim)
    }
  }, log)

  const heartbeat = async (): Promise<void> => {
    if (!tools || !accepting) return
    const { id, name, labels, version, capacity } = config
    await heartbeatProvisioner(db, { id, name, labels, version, capacity, isolation: tools.sandbox.description })
  }

  const drain = async (): Promise<void> => {
    accepting = false
    if (tools) await withdrawProvisioner(db, config.id).catch((error: unknown) => log.warn('not withdrawn', { error: messageOf(error) }))
    while (running.size > 0) await Promise.all([...running.values()].map(({ done }) => done))
  }

  const close = async (): Promise<void> => {
    over.abort()
    accepting = false
    for (const { hold } of running.values()) hold.abort('closing')
    const ended = Promise.all([...running.values()].map(({ done }) => done))
    await Promise.race([ended, clock.sleep(CLOSE_MS)])
    await Promise.all([
      stopListening(),
      tools ? withdrawProvisioner(db, config.id).catch((error: unknown) => log.warn('not withdrawn', { error: messageOf(error) })) : null,
    ])
  }

  return {
    async start() {
      const ready = await toolsOf(options, limits.graceMs)
      tools = ready
      accepting = true
      log.info('provisioner ready', { terraform: ready.terraform.path, isolation: ready.sandbox.description, capacity: config.capacity })
      await heartbeat()
      stopListening = await db.listen(
        'bothy_jobs',
        () => void claimMore(),
        () => void claimMore(),
      )
      const classifier = createClassifier(ready, { provisionerId: config.id, leaseMs: limits.leaseMs, limitMs: limits.buildMs })
      const ids = (): ReadonlySet<string> => new Set(running.keys())
      every(clock, HEARTBEAT_MS, over.signal, log, heartbeat)
      every(clock, LOOK_MS, over.signal, log, () => claimMore())
      every(clock, LOOK_MS, over.signal, log, () => lookAround(options, classifier, ids))
    },
    drain,
    cancelRunning() {
      for (const { hold } of running.values()) hold.abort('canceled')
    },
    close: () => (closing ??= close()),
    running: () => running.size,
  }
}

async function toolsOf({ db, sealer, clock, log, config, machinesFor }: ProvisionerOptions, graceMs: number): Promise<Tools> {
  const { stateDir, accessUrl, isolation, searchPath } = config
  const prepared = await prepareTerraform({ chosen: config.terraform, searchPath, isolation, stateDir, clock, log })
  const passed = passedOf(config.passEnvironment, config.environment)
  return { ...prepared, db, sealer, clock, log, machinesFor, stateDir, accessUrl, graceMs, passed, host: hostname() }
}

/** Never rejects: a job that cannot be told of is left to its lease. */
async function seeThrough({ clock, log, metrics }: ProvisionerOptions, tools: Tools, claim: Claim, hold: Hold): Promise<void> {
  const startedAtMs = clock.elapsedMs()
  const { kind } = claim.job
  try {
    const phase = await runJob(tools, claim, hold)
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

/** At once, and again `ms` after each end; a failure is for the next time. */
function every(clock: Clock, ms: number, over: AbortSignal, log: Log, work: () => Promise<void>): void {
  const loop = async (): Promise<void> => {
    while (!over.aborted) {
      await work().catch((error: unknown) => log.warn('will be tried again', { error: messageOf(error) }))
      await clock.sleep(ms, over)
    }
  }
  void loop()
}

/** Asked again while it runs, it runs once more afterwards. Never rejects. */
function oneAtATime(work: () => Promise<void>, log: Log): () => Promise<void> {
  let current: Promise<void> | null = null
  let again = false
  const loop = async (): Promise<void> => {
    do {
      again = false
      await work().catch((error: unknown) => log.warn('will be tried again', { error: messageOf(error) }))
    } while (again)
    current = null
  }
  return () => {
    if (current) again = true
    return (current ??= loop())
  }
}
