import { JOB_COLUMNS, jobOf, type JobColumns } from './job-rows.ts'
import type { Db } from './pool.ts'
import type { Job } from './records.ts'

const NOBODY_CAN_MINUTES = 30
const NO_PROGRESS_MINUTES = 5

/**
 * Ends what would otherwise hang for ever, by the database's clock; answers what it ended. States are kept as they are.
 * A build that is held but does not move is first canceled: terraform then still saves its state. Only when that does not
 * help either is it taken from its holder, whose later writes the ended job refuses.
 */
export async function reapJobs(db: Db): Promise<Job[]> {
  await db.query(
    `with stuck as (
       update jobs set cancel_requested_at = clock_timestamp(), cancel_by = 'bothy', progressed_at = clock_timestamp(),
         error = 'It made no progress for ${NO_PROGRESS_MINUTES} minutes.'
       where claimed_at is not null and finished_at is null and cancel_requested_at is null
         and lease_until > clock_timestamp() and progressed_at < clock_timestamp() - interval '${NO_PROGRESS_MINUTES} minutes'
       returning subject_key)
     select pg_notify('bothy_keys', subject_key), pg_notify('bothy_jobs', '') from stuck`,
  )
  const rows = await db.query<JobColumns>(
    `with reaped as (
       update jobs set finished_at = clock_timestamp(), outcome = 'Failed',
         -- Nobody can say which of it is in a state: all of it may be there.
         result = case when json_array_length(intent->'planned') > 0 then json_build_object('orphans', intent->'planned') else result end,
         error_reason = case
           when claimed_at is null then 'NoProvisioner'
           when lease_until > clock_timestamp() then 'BuildTimeout'
           else 'ProvisionerLost' end,
         error = case
           when claimed_at is null then 'No provisioner that could run it was seen for ${NOBODY_CAN_MINUTES} minutes.'
           when lease_until > clock_timestamp() then 'It made no progress for ${NO_PROGRESS_MINUTES} minutes, and cancelling it did not end it.'
           else 'Its provisioner was lost, and none came back for ${NO_PROGRESS_MINUTES} minutes to say how it ended.' end
       where finished_at is null and (
         (claimed_at is null and queued_at < clock_timestamp() - interval '${NOBODY_CAN_MINUTES} minutes' and not exists (
           select from provisioners p
           where jobs.labels <@ p.labels and p.last_seen_at > clock_timestamp() - interval '${NOBODY_CAN_MINUTES} minutes'))
         or (claimed_at is not null and progressed_at < clock_timestamp() - interval '${NO_PROGRESS_MINUTES} minutes'
           and (lease_until <= clock_timestamp() or cancel_requested_at is not null)))
       returning *
     ), told as (select pg_notify('bothy_keys', subject_key) from (select distinct subject_key from reaped) as keys)
     select ${JOB_COLUMNS}, (select count(*) from told) as told from reaped`,
  )
  return rows.map(jobOf)
}
