import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock, type Clock } from '../../controller/kernel/clock.ts'
import { silentLog, type Log } from '../../controller/kernel/log.ts'
import { newUid } from '../../controller/kernel/names.ts'
import type { SourceRules } from '../../controller/kernel/source-rules.ts'
import type { BuildLimits } from '../../controller/provision/build-limits.ts'
import type { MachinesFor } from '../../controller/provision/job.ts'
import { createProvisioner, type Limits, type Provisioner } from '../../controller/provision/provisioner.ts'
import type { Db } from '../../controller/store/pool.ts'
import { queueBuild, queueImport, queueLook } from '../../controller/store/queue-jobs.ts'
import { jobById } from '../../controller/store/read-jobs.ts'
import { readLogs } from '../../controller/store/logs.ts'
import type { BuildInput, Job, NewBuild, Subject } from '../../controller/store/records.ts'
import { openKey, type Sealer } from '../../controller/store/sealed.ts'
import { keepFiles } from '../../controller/store/versions.ts'
import { normaliseTemplate } from '../../crds/files.ts'
import { realMachines } from './machines.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** A provisioner on a real database with real terraform, and everything to give it work. */
export interface World {
  readonly db: Db
  readonly sealer: Sealer
  readonly stateDir: string
  provisioner(options?: ProvisionerOptions): Promise<Provisioner>
  /** Its start is left to the test. */
  unstarted(options?: ProvisionerOptions): Provisioner
  template(files: Readonly<Record<string, string>>): Promise<string>
  build(workspace: Subject, digest: string, more?: Partial<NewBuild>): Promise<Job>
  importOf(digest: string, input?: BuildInput): Promise<Job>
  look(workspace: Subject, digest: string): Promise<Job>
  ended(job: Job, limitMs?: number): Promise<Job>
  logOf(job: Job): Promise<string>
}

export interface ProvisionerOptions {
  readonly machinesFor?: MachinesFor
  readonly capacity?: number
  readonly isolation?: 'required' | 'preferred' | 'none'
  readonly limits?: Partial<Limits>
  readonly clock?: Clock
  readonly id?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly passEnvironment?: readonly string[]
  readonly log?: Log
  readonly sources?: SourceRules
  readonly buildLimits?: Partial<BuildLimits>
  readonly terraform?: string
  /** Where it keeps its things, where that is not the world's own folder: another machine. */
  readonly stateDir?: string
}

/** No test asks the world for anything. */
export const NOWHERE: SourceRules = { providers: null, modules: null, mirror: null, direct: false }

export const workspace = (name = 'dev'): Subject => ({ uid: newUid(), namespace: 'default', name })

export const INPUT: BuildInput = {
  owner: { name: 'ada', id: '11111111-1111-1111-1111-111111111111', fullName: 'Ada Lovelace', email: 'ada@example.com' },
  template: { uid: '22222222-2222-2222-2222-222222222222', namespace: 'default', name: 'node' },
  parameters: {},
  previousParameters: {},
  variables: {},
  preset: null,
}

export async function createWorld(db: Db, below = ''): Promise<World> {
  const stateDir = join(temporaryFolder('bothy-provision-'), below)
  onTestFinished(() => endMachines(stateDir))
  mkdirSync(stateDir, { recursive: true })
  writeFileSync(join(stateDir, 'url'), 'http://127.0.0.1:1\n')
  const sealer = await openKey({ file: '/nonexistent', env: KEY, db })
  let number = 0

  const world: World = {
    db,
    sealer,
    stateDir,
    unstarted(options = {}) {
      const provisioner = createProvisioner({
        db,
        sealer,
        clock: options.clock ?? systemClock,
        log: options.log ?? silentLog,
        machinesFor: options.machinesFor ?? realMachines(stateDir),
        config: {
          id: options.id ?? newUid(),
          name: 'test',
          labels: {},
          capacity: options.capacity ?? 2,
          stateDir: options.stateDir ?? stateDir,
          accessUrl: () => 'http://127.0.0.1:1',
          terraform: options.terraform ?? null,
          sources: options.sources ?? NOWHERE,
          ...(options.buildLimits ? { buildLimits: options.buildLimits } : {}),
          isolation: options.isolation ?? 'preferred',
          version: '0.1.0',
          passEnvironment: options.passEnvironment ?? [],
          searchPath: process.env['PATH'] ?? '',
          environment: options.environment ?? {},
          ...(options.limits ? { limits: options.limits } : {}),
        },
      })
      onTestFinished(() => provisioner.close())
      return provisioner
    },
    async provisioner(options) {
      const provisioner = world.unstarted(options)
      await provisioner.start()
      return provisioner
    },
    async template(files) {
      const { digest, files: normalised } = normaliseTemplate(new Map(Object.entries(files)))
      await keepFiles(db, digest, normalised)
      return digest
    },
    async build(subject, digest, more = {}) {
      number += 1
      const answer = await queueBuild(db, {
        subject,
        digest,
        reason: 'Created',
        initiator: 'ada',
        class: 'person',
        labels: {},
        number,
        transition: 'start',
        requestUid: null,
        inputs: '',
        input: INPUT,
        ...more,
      })
      if (!answer.queued) throw new Error(answer.why)
      return answer.job
    },
    async importOf(digest, input) {
      const job = await queueImport(db, {
        subject: { uid: INPUT.template.uid, namespace: 'default', name: 'node' },
        digest,
        reason: 'Created',
        initiator: 'ada',
        class: 'person',
        labels: {},
        ...(input ? { input } : {}),
      })
      if (!job) throw new Error('not queued')
      return job
    },
    async look(subject, digest) {
      const job = await queueLook(db, { subject, digest, reason: 'MachineLost', initiator: 'bothy', class: 'background', labels: {} })
      if (!job) throw new Error('not queued')
      return job
    },
    ended: (job, limitMs = 60_000) =>
      until(
        `job ${job.id} to end`,
        async () => {
          const now = await jobById(db, job.id)
          return now?.finishedAt ? now : null
        },
        { limitMs },
      ),
    async logOf(job) {
      return (await readLogs(db, job.id, null, 5000)).map(({ stage, level, text }) => `${stage} ${level} ${text}`).join('\n')
    },
  }
  return world
}

export const KEY = Buffer.alloc(32, 7).toString('base64')

/** Every machine of a world runs under its state folder; none outlives its test. */
function endMachines(stateDir: string): void {
  for (const pid of pidsWith(`${stateDir}/machines/`)) {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // Already gone.
    }
  }
}

/** The processes that lead a group and whose environment names this text. */
export function pidsWith(text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && groupOf(pid) === pid && readOr(`/proc/${pid}/environ`).includes(text))
}

const groupOf = (pid: number): number => Number(readOr(`/proc/${pid}/stat`).split(') ')[1]?.split(' ')[2])

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
