import type { Claim, NewBuild, NewJob } from '../../controller/store/records.ts'
import { claimJob } from '../../controller/store/claim-jobs.ts'
import { queueBuild } from '../../controller/store/queue-jobs.ts'
import type { Db } from '../../controller/store/pool.ts'
import type { Job } from '../../controller/store/records.ts'

export const newJob = (name: string, more: Partial<NewJob> = {}): NewJob => ({
  subject: { uid: `uid-${name}`, namespace: 'default', name },
  digest: 'sha256:one',
  reason: 'Requested',
  initiator: 'ada',
  class: 'person',
  labels: {},
  ...more,
})

export const newBuild = (name: string, more: Partial<NewBuild> = {}): NewBuild => ({
  ...newJob(name),
  number: 1,
  transition: 'start',
  requestUid: null,
  inputs: 'inputs-one',
  input: {
    owner: { name: 'ada', id: 'owner-1', fullName: 'Ada', email: 'ada@example.com' },
    template: { uid: 'template-1', namespace: 'default', name: 'process' },
    parameters: { size: '2' },
    previousParameters: {},
    variables: {},
    preset: null,
  },
  ...more,
})

export async function queued(db: Db, name: string, more: Partial<NewBuild> = {}): Promise<Job> {
  const answer = await queueBuild(db, newBuild(name, more))
  if (!answer.queued) throw new Error(`${name} was not queued: ${answer.why}`)
  return answer.job
}

/** The queue's head, for a provisioner without labels. */
export async function claimed(db: Db, provisionerId = 'p1', leaseMs = 10_000): Promise<Claim> {
  const claim = await claimJob(db, { provisionerId, labels: {}, leaseMs })
  if (!claim) throw new Error('there was nothing to claim')
  return claim
}
