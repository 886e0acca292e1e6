import type { Job } from './records.ts'

/** How a row of `jobs` becomes a `Job`. `phase` is a column the database derives; nobody writes it. */
export type JobColumns = Omit<Job, 'subject'> & {
  readonly subjectUid: string
  readonly subjectNamespace: string
  readonly subjectName: string
}

export const JOB_COLUMNS = `
  id, kind, subject_uid as "subjectUid", subject_namespace as "subjectNamespace", subject_name as "subjectName",
  number, transition, digest, reason, initiator, request_uid as "requestUid", class, labels, inputs, input, phase,
  queued_at as "queuedAt", claimed_at as "claimedAt", started_at as "startedAt", finished_at as "finishedAt",
  cancel_requested_at as "cancelRequestedAt", cancel_by as "cancelBy", error_reason as "errorReason", error,
  provisioner_id as "provisionerId", result`

export const JOB_INSTANTS = ['queuedAt', 'claimedAt', 'startedAt', 'finishedAt', 'cancelRequestedAt'] as const

export function jobOf({ subjectUid, subjectNamespace, subjectName, ...rest }: JobColumns): Job {
  return { ...rest, subject: { uid: subjectUid, namespace: subjectNamespace, name: subjectName } }
}

/** The holder of a claim, and nobody before or after: `$1` job, `$2` epoch, `$3` provisioner. */
export const HELD = `id = $1 and epoch = $2 and provisioner_id = $3 and finished_at is null and lease_until > clock_timestamp()`

/**
 * Joined into a write of its own, its commit does not wait for the disk. Only for what may be lost when the database crashes in the
 * same moment; whatever is written after it and does wait takes it along.
 */
export const NO_WAIT_FOR_DISK = `(select set_config('synchronous_commit', 'off', true) as set) as no_wait`
