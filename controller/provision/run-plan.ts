import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Stalled } from '../kernel/errors.ts'
import { sha256 } from '../kernel/names.ts'
import { startJob } from '../store/claim-jobs.ts'
import { sealedPlan } from '../store/plans.ts'
import type { BuildInput, Job, PlanSummary } from '../store/records.ts'
import { newestState } from '../store/states.ts'
import { diagnose } from './diagnose.ts'
import { ownFile, type WorkFolder } from './folder.ts'
import { identityOf, prepareFolder, resultOf, stopReasonOf, templateOf, type Ending, type Tools, type Work } from './job.ts'
import { listen, type Heard } from './listen.ts'
import { planSummary } from './plan-summary.ts'
import { runTerraform } from './run-terraform.ts'
import { parseState, tokensIn } from './state.ts'
import { outlivesStops } from './outlives-stops.ts'

/** Beside the tree, where no template brings a file along. */
export const PLAN_FILE = 'plan'
/** As terraform sees it from its tree. */
export const PLAN_ARGUMENT = `../${PLAN_FILE}`

/** What a start would change, worked out and kept, sealed, until somebody agrees to exactly that. Changes nothing. */
export async function runPlan(tools: Tools, work: Work): Promise<Ending> {
  const { claim, journal, stop } = work
  const { job } = claim
  const { input } = job
  if (!input) throw new Stalled('InternalError', `plan ${job.id} was queued without its input`)
  const [sealed, template, outlives] = await Promise.all([
    newestState(tools.db, job.subject.uid),
    templateOf(tools, job),
    outlivesStops(tools.db, input.template.uid, job.digest),
    startJob(tools.db, claim),
  ])
  const state = sealed && tools.sealer.open(sealed, job.subject.uid)
  const known = state && parseState(state)
  for (const token of known ? tokensIn(known).values() : []) journal.conceal(token)
  const folder = await prepareFolder(tools, work, template, state)
  const heard = listen(work, 'Planning')
  const ended = await runTerraform(tools, {
    jobId: job.id,
    folder,
    args: ['plan', '-json', '-input=false', `-out=${PLAN_ARGUMENT}`],
    variables: input.variables,
    host: hostOf(tools, work, job, input),
    stop,
    onLine: heard.onLine,
    onProcess: () => {},
  })
  work.worked()
  journal.stage('Cleaning up')
  if (ended.code !== 0) return failed(work, heard, ended.stderr)
  const plan = await ownFile(join(folder.path, PLAN_FILE))
  if (!plan) return failed(work, heard, 'terraform left no plan that can be read')
  return planned(tools, work, heard, plan, outlives)
}

function planned({ sealer }: Tools, { claim, journal }: Work, heard: Heard, bytes: Buffer, outlives: (address: string) => boolean): Ending {
  const plan: PlanSummary = { digest: `sha256:${sha256(bytes)}`, ...planSummary(heard.planned(), outlives) }
  return {
    phase: 'Succeeded',
    reason: null,
    error: null,
    state: null,
    agents: null,
    plan: sealer.seal(bytes, claim.job.subject.uid),
    result: resultOf(journal, { plan }),
  }
}

function failed({ journal, stop }: Work, heard: Heard, otherwise: string): Ending {
  const result = resultOf(journal)
  if (stopReasonOf(stop) === 'canceled')
    return { phase: 'Canceled', reason: 'BuildCanceled', error: null, state: null, agents: null, result }
  const { reason, text } = diagnose(heard.failures(), 'PlanFailed', otherwise || 'terraform ended without saying why')
  return { phase: 'Failed', reason, error: journal.redacted(text), state: null, agents: null, result }
}

function hostOf(tools: Tools, { journal }: Work, job: Job, input: BuildInput) {
  return {
    identity: identityOf(tools, job, input),
    machines: tools.machinesFor({ workspace: job.subject, owner: input.owner, buildId: job.id, tokenOf: () => null }),
    reports: {
      parameter: () => {},
      preset: () => {},
      agent: async ({ token }: { readonly token: string }) => journal.conceal(token),
      creating: async () => {
        throw new Stalled('InternalError', 'a plan makes nothing')
      },
      machine: () => {},
    },
  }
}

/** Puts the plan that was agreed to beside the tree, ready for terraform to carry out. */
export async function bringPlan(
  tools: Tools,
  job: Job,
  folder: WorkFolder,
  { jobId, digest }: NonNullable<BuildInput['plan']>,
): Promise<void> {
  const sealed = await sealedPlan(tools.db, jobId)
  if (!sealed) throw new Stalled('PlanVoid', 'the plan that was agreed to is no longer kept: a new one is made')
  const bytes = tools.sealer.open(sealed, job.subject.uid)
  if (`sha256:${sha256(bytes)}` !== digest) throw new Stalled('PlanVoid', 'the plan that is kept is not the one that was agreed to')
  const file = join(folder.path, PLAN_FILE)
  await writeFile(file, bytes, { flag: 'wx', mode: 0o600 })
  const user = tools.sandbox.userOf(job.id)
  if (user !== null) await chown(file, user, user)
}
