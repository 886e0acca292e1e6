import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { keyOf, newUid, sha256 } from '../../controller/kernel/names.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { NO_MANIFEST } from '../../controller/store/agent-manifests.ts'
import { agentConnected, agentMade, agentReported } from '../../controller/store/agents.ts'
import { claimJob, startJob } from '../../controller/store/claim-jobs.ts'
import { finishJob } from '../../controller/store/finish-job.ts'
import type { Db } from '../../controller/store/pool.ts'
import { queueBuild } from '../../controller/store/queue-jobs.ts'
import type { AgentManifest, BuildInput, NewBuild, Subject, Transition } from '../../controller/store/records.ts'
import type { Sealer } from '../../controller/store/sealed.ts'

/** Workspaces that are settled, made by what makes them in life: the store's and the cluster's own functions. */

const INPUT: BuildInput = {
  owner: { name: 'ada', id: '11111111-1111-4111-8111-111111111111', fullName: 'ada', email: 'ada@localhost' },
  template: { uid: '22222222-2222-4222-8222-222222222222', namespace: 'default', name: 'hello' },
  parameters: {},
  previousParameters: {},
  variables: {},
  preset: null,
}

export const newBuild = (subject: Subject, digest: string, number: number, transition: Transition): NewBuild => ({
  subject,
  digest,
  number,
  transition,
  reason: transition === 'start' ? 'Created' : 'Requested',
  initiator: 'ada',
  class: 'person',
  labels: {},
  requestUid: null,
  inputs: '',
  input: INPUT,
})

export interface Seeding {
  readonly db: Db
  readonly sealer: Sealer
  readonly digest: string
  readonly count: number
}

const AT_ONCE = 6
/** About what a small template leaves behind. */
const STATE = Buffer.alloc(8 * 1024, 'state')
const MANIFEST: AgentManifest = {
  ...NO_MANIFEST,
  scripts: [{ name: 'startup', script: 'echo hello', on: 'start', cron: null, timeoutSeconds: 300, logPath: '', blocksLogin: false }],
  connectionTimeoutSeconds: 1,
}

/** Half of them declared as stopped and never built, the other half started once and stopped by their owner. */
export async function seedSettled({ db, sealer, digest, count }: Seeding): Promise<void> {
  const { cluster, close } = await openStandalone({ db, clock: systemClock, log: silentLog })
  try {
    const subjects: Subject[] = []
    await eachOf(count, async (i) => {
      const name = `settled-${i}`
      const built = i % 2 === 0
      const { metadata } = await cluster.create(
        {
          apiVersion: 'bothy.dev/v1alpha1',
          kind: 'Workspace',
          metadata: { name, namespace: 'default' },
          spec: { template: { name: 'hello' }, power: built ? 'Auto' : 'Stopped' },
        },
        { manager: 'bothy-cli', user: 'ada' },
      )
      if (built) subjects.push({ uid: metadata.uid, namespace: 'default', name })
    })
    await eachOf(subjects.length, (i) => history(db, sealer, digest, subjects[i]!))
  } finally {
    await close()
  }
}

/** A start whose agent came up, and the stop after it. A label keeps those who work at the same time to their own jobs. */
async function history(db: Db, sealer: Sealer, digest: string, subject: Subject): Promise<void> {
  const labels = { seed: subject.uid }
  const agent = { id: newUid(), name: 'main', manifest: MANIFEST }
  for (const [number, transition] of [
    [1, 'start'],
    [2, 'stop'],
  ] as const) {
    await queueBuild(db, { ...newBuild(subject, digest, number, transition), labels })
    const claim = await claimJob(db, { provisionerId: 'bench', labels, leaseMs: 60_000 })
    if (!claim) throw new Error(`the ${transition} of ${subject.name} was not in the queue`)
    await startJob(db, claim)
    if (transition === 'start') await comesUp(db, agent.id, subject, claim.job.id)
    const state = sealer.seal(STATE, subject.uid)
    const result = { machines: [], outputs: {}, resources: 2 }
    const kept = await finishJob(db, claim, { phase: 'Succeeded', reason: null, error: null, state, agents: [agent], result })
    if (!kept) throw new Error(`the claim of ${subject.name} was lost`)
  }
}

async function comesUp(db: Db, id: string, subject: Subject, jobId: string): Promise<void> {
  const runId = newUid()
  const workspaceKey = keyOf('Workspace', subject.namespace, subject.name)
  await agentMade(db, { id, workspaceUid: subject.uid, workspaceKey, jobId, tokenHash: sha256(id), manifest: MANIFEST })
  await agentConnected(db, id, { runId, replica: 'bench', version: '0.1.0' })
  await agentReported(db, id, runId, 'Ready', '')
}

/** A few at a time. */
async function eachOf(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await work(next++)
    }),
  )
}
