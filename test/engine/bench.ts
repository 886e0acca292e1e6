import { createCache } from '../../controller/cluster/cache.ts'
import type { Cache, Cluster, Draft, Resource, Writer } from '../../controller/cluster/port.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { systemClock, type Clock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics, type Metrics } from '../../controller/kernel/metrics.ts'
import { createEngine, type Engine, type EngineOptions } from '../../controller/reconcile/engine.ts'
import { INDEXES } from '../../controller/reconcile/indexes.ts'
import { KINDS } from '../../controller/reconcile/kinds.ts'
import { createVariables } from '../../controller/reconcile/variables.ts'
import { storePorts } from '../../controller/reconcile/store-ports.ts'
import { claimJob, startJob } from '../../controller/store/claim-jobs.ts'
import { finishJob, type Outcome } from '../../controller/store/finish-job.ts'
import type { Db } from '../../controller/store/pool.ts'
import { heartbeatProvisioner } from '../../controller/store/provisioners.ts'
import type { Claim, Job } from '../../controller/store/records.ts'
import { until } from '../support/until.ts'

/** The reconciler on real objects and a real store; only terraform is played by the test. */
export interface Bench {
  readonly cluster: Cluster
  readonly cache: Cache
  readonly engine: Engine
  readonly metrics: Metrics
  readonly get: (kind: string, name: string) => Promise<Resource | null>
  readonly apply: (draft: Draft) => Promise<Resource>
  readonly patch: (kind: string, name: string, patch: unknown) => Promise<Resource>
  /** Waits until the condition of an object has this status and reason: `True Running`. */
  readonly becomes: (kind: string, name: string, condition: string, saying: string) => Promise<Resource>
  /** The next job, as a provisioner takes it. */
  readonly claim: () => Promise<Claim>
  readonly finish: (claim: Claim, outcome?: Partial<Outcome>) => Promise<void>
  readonly jobs: () => Promise<readonly Pick<Job, 'kind' | 'transition' | 'reason' | 'phase'>[]>
  readonly provisioner: () => Promise<void>
  readonly close: () => Promise<void>
}

const PERSON: Writer = { manager: 'test', user: 'ada' }
const PROVISIONER = 'provisioner-1'
export const LOCAL_USER = { name: 'ada', id: '00000000-0000-4000-8000-000000000001', fullName: 'Ada', email: 'ada@localhost' }

export async function openBench(db: Db, over: Partial<EngineOptions> & { readonly clock?: Clock } = {}): Promise<Bench> {
  const clock = over.clock ?? systemClock
  const standalone = await openStandalone({ db, clock: systemClock, log: silentLog })
  const { cluster } = standalone
  const cache = createCache(
    { cluster, clock: systemClock, log: silentLog },
    ['Template', 'Workspace', 'WorkspaceRequest', 'Owner'],
    INDEXES,
  )
  const metrics = createMetrics()
  const kept = { keep: () => Promise.reject(new Error('no value is elsewhere here')) }
  const variables = createVariables({ cluster, kept, own: null, clock })
  const engine = createEngine({
    kinds: KINDS,
    ports: { cluster, cache, store: storePorts(db), variables, localUser: LOCAL_USER },
    clock,
    log: silentLog,
    metrics,
    random: () => 0.5,
    onKeys: (listener, missed) => db.listen('bothy_keys', listener, missed),
    ...over,
  })
  const watching = new AbortController()
  await cache.start(watching.signal)
  await engine.start()
  const get = (kind: string, name: string) => cluster.get(kind, kind === 'Owner' ? '' : 'default', name)
  return {
    cluster,
    cache,
    engine,
    metrics,
    get,
    apply: (draft) => cluster.apply(draft, PERSON),
    patch: (kind, name, patch) => cluster.patch(kind, 'default', name, patch, PERSON),
    becomes: (kind, name, condition, saying) =>
      until(`${kind} ${name} to say ${condition} ${saying}`, async () => {
        const object = await get(kind, name)
        const said = saidBy(object, condition)
        if (said === saying) return object
        throw new Error(`it says ${said}`)
      }),
    claim: () => until('a job to be queued', () => claimJob(db, { provisionerId: PROVISIONER, labels: {}, leaseMs: 60_000 })),
    async finish(claim, outcome = {}) {
      await startJob(db, claim)
      const done: Outcome = { phase: 'Succeeded', reason: null, error: null, state: null, agents: null, result: {}, ...outcome }
      if (!(await finishJob(db, claim, done))) throw new Error('the claim was lost')
    },
    jobs: () => db.query('select kind, transition, reason, phase from jobs order by id'),
    provisioner: () => heartbeatProvisioner(db, { id: PROVISIONER, name: 'one', labels: {}, version: '1', capacity: 1, isolation: 'none' }),
    async close() {
      await engine.stop()
      watching.abort()
      await standalone.close()
    },
  }
}

export function saidBy(object: Resource | null, condition: string): string {
  const status = object?.status
  const conditions =
    typeof status === 'object' && status && 'conditions' in status && Array.isArray(status.conditions) ? status.conditions : []
  const found = conditions.find((one) => one.type === condition)
  return found ? `${found.status} ${found.reason}` : 'nothing'
}

export const templateDraft = (spec: Readonly<Record<string, unknown>> = {}): Draft => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Template',
  metadata: { name: 'node', namespace: 'default' },
  spec: { source: { type: 'Inline', inline: { files: { 'main.tf': 'resource "terraform_data" "x" {}' } } }, ...spec },
})

export const workspaceDraft = (spec: Readonly<Record<string, unknown>> = {}, name = 'dev'): Draft => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name, namespace: 'default' },
  spec: { template: { name: 'node' }, ...spec },
})

export const requestDraft = (action: string): Draft => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'WorkspaceRequest',
  metadata: { name: action.toLowerCase(), namespace: 'default' },
  spec: { workspace: 'dev', action },
})

/** What an import learns of a template with one parameter. */
export const IMPORTED: Partial<Outcome> = {
  version: {
    ok: true,
    error: null,
    facts: null,
    presets: [],
    parameters: [
      {
        name: 'cpu',
        type: 'number',
        displayName: '',
        description: '',
        formType: 'input',
        mutable: true,
        ephemeral: false,
        required: false,
        default: '2',
        options: [],
        validation: null,
        order: 0,
      },
    ],
  },
}
