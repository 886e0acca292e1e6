import { messageOf, never, Stalled, Transient } from '../kernel/errors.ts'
import type { Reason } from '../kernel/reasons.ts'
import { releaseClaim } from '../store/claim-jobs.ts'
import { finishJob } from '../store/finish-job.ts'
import { appendLogs } from '../store/logs.ts'
import type { Claim } from '../store/records.ts'
import { secretsAmong } from './environment.ts'
import { folderOf, removePath, stateIn } from './folder.ts'
import type { Hold } from './hold.ts'
import { openInput, stopReasonOf, type Ending, type Tools, type Work } from './job.ts'
import { createJournal } from './journal.ts'
import { runBuild } from './run-build.ts'
import { failed, runImport } from './run-import.ts'
import { runLook } from './run-look.ts'
import { runPlan } from './run-plan.ts'
import { runPreview } from './run-preview.ts'

const AGAIN_MS = 500

/** One claimed job from its beginning to its outcome. Answers its phase; null where the outcome is not ours to tell. */
export async function runJob(tools: Tools, claim: Claim, hold: Hold, worked: () => void): Promise<Ending['phase'] | null> {
  const log = tools.log.with({ job: claim.job.id, kind: claim.job.kind, key: claim.job.subject.name })
  const journal = createJournal({
    clock: tools.clock,
    log,
    append: async (rows) => {
      if (!(await whileHeld(tools, hold, () => appendLogs(tools.db, claim, rows)))) hold.abort('lease lost')
    },
  })
  // A template may print what the operator lets it use.
  for (const secret of secretsAmong(tools.passed)) journal.conceal(secret)
  const work: Work = { claim, journal, stop: hold.stop, progressed: hold.progressed, worked }
  let ending: Ending
  try {
    const input = claim.job.input && (await openInput(tools, journal, claim.job.input))
    ending = await dispatched(tools, { ...work, claim: { ...claim, job: { ...claim.job, input } } })
  } catch (error) {
    if (error instanceof Transient) return await givenBack(tools, claim, error)
    if (!(error instanceof Stalled)) log.error('a job failed in a way nobody expected', { error })
    const phase = reasonOf(error) === 'BuildCanceled' ? 'Canceled' : 'Failed'
    ending = { ...failed(work, reasonOf(error), journal.redacted(messageOf(error))), phase, state: await stateSaved(tools, claim) }
  }
  if (ending.error !== null && !journal.hasSaid(ending.error)) journal.write('error', ending.error)
  await journal.close()
  // What is in the folder is told apart by whoever looks next: here by the next start, elsewhere by who took over.
  if (hold.lost() || stopReasonOf(hold.stop) === 'closing') return null
  return (await finished(tools, claim, hold, ending)) ? ending.phase : null
}

function dispatched(tools: Tools, work: Work): Promise<Ending> {
  const { kind } = work.claim.job
  switch (kind) {
    case 'build':
      return runBuild(tools, work)
    case 'import':
      return runImport(tools, work)
    case 'look':
      return runLook(tools, work)
    case 'preview':
      return runPreview(tools, work)
    case 'plan':
      return runPlan(tools, work)
    default:
      return never(kind)
  }
}

/** Whatever went wrong with us, what terraform left is kept. */
async function stateSaved({ stateDir, sealer }: Tools, { job }: Claim): Promise<Buffer | null> {
  const bytes = job.kind === 'build' ? await stateIn(folderOf(stateDir, job.id)) : null
  return bytes && sealer.seal(bytes, job.subject.uid)
}

const reasonOf = (error: unknown): Reason => (error instanceof Stalled ? error.reason : 'InternalError')

/** Before terraform was about to start, another one may have it; afterwards its claim runs out and is looked into. */
async function givenBack({ db, log }: Tools, claim: Claim, error: Transient): Promise<null> {
  log.warn('a job could not be worked on', { job: claim.job.id, error: error.message })
  await releaseClaim(db, claim).catch(() => {})
  return null
}

/** The outcome is worth trying for as long as it is ours: without the database nothing is lost but time. */
async function finished(tools: Tools, claim: Claim, hold: Hold, ending: Ending): Promise<boolean> {
  const kept = await whileHeld(tools, hold, () => finishJob(tools.db, claim, ending))
  // The next job need not wait for that: what is not removed now is swept up later.
  if (kept) void removePath(folderOf(tools.stateDir, claim.job.id)).catch((error: unknown) => notRemoved(tools, claim, error))
  return kept
}

const notRemoved = ({ log }: Tools, claim: Claim, error: unknown): void =>
  log.warn('the folder of a job that ended was not removed yet', { job: claim.job.id, error: messageOf(error) })

/** Again and again while the database is away. false: the claim is lost. */
async function whileHeld({ clock, log }: Tools, hold: Hold, write: () => Promise<boolean>): Promise<boolean> {
  for (;;) {
    if (hold.lost()) return false
    try {
      return await write()
    } catch (error) {
      if (!(error instanceof Transient)) throw error
      log.warn('not written yet', { error: error.message })
      await clock.sleep(AGAIN_MS)
    }
  }
}
