/** The life of a job, from the queue to its outcome: one file a part. */
export * from './queue-jobs.ts'
export * from './read-jobs.ts'
export * from './claim-jobs.ts'
export * from './finish-job.ts'
export * from './reap-jobs.ts'
