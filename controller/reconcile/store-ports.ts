import { activityOfAll } from '../store/activity.ts'
import { agentsOfAll, wishShutdown } from '../store/agents.ts'
import { buildHistoriesOf, newestLooksOf } from '../store/build-histories.ts'
import { forgetLife, keepLife, livesOf } from '../store/lives.ts'
import { approvePlan, newestPlansOf } from '../store/plans.ts'
import type { Db } from '../store/pool.ts'
import { listProvisioners } from '../store/provisioners.ts'
import { queueBuild, queueImport, queueLook, queuePlan, requestCancel } from '../store/queue-jobs.ts'
import { newestImportOf } from '../store/read-jobs.ts'
import { getSetting } from '../store/settings.ts'
import { keepFiles, upsertVersion, versionOf, versionsOf } from '../store/versions.ts'
import { batched } from './batched.ts'
import type { Store } from './ports.ts'

/** Enough for every rule: tries, the losses of an hour, both legs of a restart. */
const BUILDS_MAX = 25
/** The row that says that `bothy down` was asked. */
export const DOWN_SETTING = 'down'

/** A question that is the same for all. */
function one<Value>(load: () => Promise<Value>): () => Promise<Value | null> {
  const ask = batched<'one', Value>(async () => new Map([['one', await load()]]))
  return () => ask('one')
}

/**
 * The store as the reconciler asks it: the same question of many looks is one query. `fenced` takes what is written: where
 * several replicas may reconcile, it refuses those that do so no more.
 */
export function storePorts(db: Db, fenced: Db = db): Store {
  const provisioners = one(() => listProvisioners(db))
  const down = one(async () => (await getSetting(db, DOWN_SETTING)) !== null)
  const builds = batched((uids: readonly string[]) => buildHistoriesOf(db, uids, BUILDS_MAX))
  const agents = batched((uids: readonly string[]) => agentsOfAll(db, uids))
  const version = batched(async (keys: readonly string[]) => {
    const rows = await Promise.all(keys.map((key) => versionOf(db, ...splitVersion(key))))
    return new Map(keys.flatMap((key, i) => (rows[i] ? [[key, rows[i]] as const] : [])))
  })
  return {
    builds: async (uid) => (await builds(uid)) ?? [],
    newestLook: batched((uids: readonly string[]) => newestLooksOf(db, uids)),
    newestPlan: batched((uids: readonly string[]) => newestPlansOf(db, uids)),
    agents: async (uid) => (await agents(uid)) ?? [],
    provisioners: async () => (await provisioners()) ?? [],
    version: (templateUid, digest) => version(`${templateUid} ${digest}`),
    versions: (templateUid, limit) => versionsOf(db, templateUid, limit),
    newestImport: (templateUid, digest) => newestImportOf(db, templateUid, digest),
    activity: batched((uids: readonly string[]) => activityOfAll(db, uids)),
    life: batched((uids: readonly string[]) => livesOf(db, uids)),
    keepLife: (uid, key, life) => keepLife(fenced, uid, key, life),
    forgetLife: (uid) => forgetLife(fenced, uid),
    isBroughtDown: async () => (await down()) ?? false,
    queueBuild: async (build, lifeRevision) => (await queueBuild(fenced, build, lifeRevision)).queued,
    queueImport: async (job) => void (await queueImport(fenced, job)),
    queueLook: async (job) => void (await queueLook(fenced, job)),
    queuePlan: async (plan) => void (await queuePlan(fenced, plan)),
    approvePlan: (jobId, by) => approvePlan(fenced, jobId, by),
    requestCancel: async (jobId, by) => void (await requestCancel(fenced, jobId, by)),
    wishShutdown: (uid) => wishShutdown(fenced, uid),
    keepFiles: (digest, files) => keepFiles(fenced, digest, files),
    keepVersion: (templateUid, digest, source) => upsertVersion(fenced, { templateUid, digest, source }),
  }
}

function splitVersion(key: string): [templateUid: string, digest: string] {
  const [templateUid = '', digest = ''] = key.split(' ')
  return [templateUid, digest]
}
