import { activities } from '../store/activity.ts'
import { agentsOfAll, wishShutdown } from '../store/agents.ts'
import { histories, NO_HISTORY } from '../store/build-histories.ts'
import { forgetLife, keepLife, lives } from '../store/lives.ts'
import { approvePlan } from '../store/plans.ts'
import type { Db } from '../store/pool.ts'
import { allProvisioners, listProvisioners } from '../store/provisioners.ts'
import { answersTo } from '../store/questions.ts'
import { queueBuild, queueImport, queueLook, queuePlan, requestCancel } from '../store/queue-jobs.ts'
import { newestImportOf } from '../store/read-jobs.ts'
import { isSet } from '../store/settings.ts'
import { keepFiles, upsertVersion, versionOf, versionsOf } from '../store/versions.ts'
import { batched } from './batched.ts'
import type { Facts, Store } from './ports.ts'

/** Enough for every rule: tries, the losses of an hour, both legs of a restart. */
const BUILDS_MAX = 25
/** The row that says that `bothy down` was asked. */
export const DOWN_SETTING = 'down'

const FACTS = {
  histories: histories(BUILDS_MAX),
  agents: agentsOfAll,
  activities,
  lives,
  provisioners: allProvisioners,
  isDown: isSet(DOWN_SETTING),
}

/**
 * The store as the reconciler asks it: the same question of many looks is one query. `fenced` takes what is written: where
 * several replicas may reconcile, it refuses those that do so no more.
 */
export function storePorts(db: Db, fenced: Db = db): Store {
  const version = batched(async (keys: readonly string[]) => {
    const rows = new Map(await Promise.all(keys.map(async (key) => [key, await versionOf(db, ...splitVersion(key))] as const)))
    return (key) => rows.get(key) ?? null
  })
  return {
    facts: batched(async (uids: readonly string[]) => {
      const answers = await answersTo(db, FACTS, uids)
      return (uid) => factsOf(uid, answers)
    }),
    provisioners: () => listProvisioners(db),
    version: (templateUid, digest) => version(`${templateUid} ${digest}`),
    versions: (templateUid, limit) => versionsOf(db, templateUid, limit),
    newestImport: (templateUid, digest) => newestImportOf(db, templateUid, digest),
    keepLife: (uid, key, life) => keepLife(fenced, uid, key, life),
    forgetLife: (uid) => forgetLife(fenced, uid),
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

const factsOf = (uid: string, answers: Awaited<ReturnType<typeof answersTo<typeof FACTS>>>): Facts => ({
  ...(answers.histories.get(uid) ?? NO_HISTORY),
  agents: answers.agents.get(uid) ?? [],
  activity: answers.activities.get(uid) ?? null,
  life: answers.lives.get(uid) ?? null,
  provisioners: answers.provisioners,
  broughtDown: answers.isDown,
})

function splitVersion(key: string): [templateUid: string, digest: string] {
  const [templateUid = '', digest = ''] = key.split(' ')
  return [templateUid, digest]
}
