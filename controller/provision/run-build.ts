import type { NormalisedTemplate } from '../../crds/files.ts'
import type { AgentSeen, Host, Machines } from '../../provider/port.ts'
import { messageOf, Stalled } from '../kernel/errors.ts'
import { sha256 } from '../kernel/names.ts'
import { NO_MANIFEST } from '../store/agent-manifests.ts'
import { agentMade } from '../store/agents.ts'
import { startJob } from '../store/claim-jobs.ts'
import type { BuildInput, Intent, Job, Transition } from '../store/records.ts'
import { sealedManifest } from '../store/sealed-manifest.ts'
import { newestState } from '../store/states.ts'
import { checkAnswers } from './check-answers.ts'
import { inMebibytes } from './build-limits.ts'
import { diagnose } from './diagnose.ts'
import { folderOf, leftTooMuchState, STATE_BYTES_MAX, stateIn } from './folder.ts'
import { createIntents, type Intents } from './intents.ts'
import {
  type Ending,
  fetchShared,
  identityOf,
  keptAgent,
  prepareFolder,
  resultOf,
  shownOutputs,
  stopReasonOf,
  templateOf,
  type Tools,
  type Work,
  workspaceKeyOf,
} from './job.ts'
import type { Stage } from './journal.ts'
import { agentScripts, agentsIn } from './manifest.ts'
import { listen, type Heard } from './listen.ts'
import { machinesTriedSinceTheLastSuccess, orphansIn, sweepMachines } from './machines-left.ts'
import { placed } from './place.ts'
import { bringPlan, PLAN_ARGUMENT } from './run-plan.ts'
import { runTerraform, type TerraformEnded } from './run-terraform.ts'
import { machinesIn, OUTPUT_CHARACTERS_MAX, parseState, tokensIn, type State } from './state.ts'

const STAGES: Readonly<Record<Transition, Stage>> = { start: 'Starting', stop: 'Stopping', destroy: 'Destroying' }

const ARGUMENTS: Readonly<Record<Transition, readonly string[]>> = {
  start: ['apply', '-auto-approve', '-json', '-input=false'],
  stop: ['apply', '-auto-approve', '-json', '-input=false'],
  destroy: ['apply', '-destroy', '-auto-approve', '-json', '-input=false'],
}

/** One build of a workspace: one terraform, whose state is kept whatever becomes of it. */
export async function runBuild(tools: Tools, work: Work): Promise<Ending> {
  const { job } = work.claim
  const { input, transition } = job
  if (!input || !transition) throw new Stalled('InternalError', `build ${job.id} was queued without its input`)
  const { subject, id } = job
  // All at once: what a build waits for the database is time that terraform does not run.
  const [before, template, tried] = await Promise.all([
    openedState(tools, subject.uid),
    templateOf(tools, job),
    machinesTriedSinceTheLastSuccess(tools, job),
    startJob(tools.db, work.claim),
  ])
  const known = before && parseState(before)
  // What is in the state already is not told again by a plan that was made before.
  const tokens = new Map(known ? tokensIn(known) : [])
  for (const token of tokens.values()) work.journal.conceal(token)
  const tokenOf = (agentId: string): string | null => tokens.get(agentId) ?? null
  const machines = tools.machinesFor({ workspace: subject, owner: input.owner, buildId: id, tokenOf, say: saidIn(work) })
  const apply: Apply = { input, transition, template, before, known, tried: [...tried], machines, tokens }
  const nothing = transition === 'destroy' && (!known || known.instances.length === 0)
  if (transition === 'start' && !input.plan) await checkAnswers(tools, work, template, input)
  return nothing ? destroyedNothing(work, apply) : applied(tools, work, apply)
}

/** Machines that take long say so, which is progress too. */
const saidIn =
  ({ journal, progressed }: Work) =>
  (line: string): void => {
    progressed()
    journal.write('info', line)
  }

interface Apply {
  readonly input: BuildInput
  readonly transition: Transition
  readonly template: NormalisedTemplate
  readonly before: Buffer | null
  readonly known: State | null
  /** Machines that may be there although no state knows them. Those join that have ended by themselves: terraform forgets them. */
  readonly tried: Intent['creates'][number][]
  readonly machines: Machines
  readonly tokens: Map<string, string>
}

async function applied(tools: Tools, work: Work, apply: Apply): Promise<Ending> {
  const { journal, claim, stop } = work
  const intents = createIntents(tools.db, claim, {
    host: tools.host,
    place: tools.place,
    folder: folderOf(tools.stateDir, claim.job.id),
  })
  // Which may take minutes. Who dies meanwhile has done nothing yet, and somebody else may begin anew.
  const fetched = await fetchShared(tools, work, apply.template, apply.before)
  const [folder] = await Promise.all([prepareFolder(tools, work, apply.template, apply.before, fetched), intents.record()])
  const plan = apply.transition === 'start' ? apply.input.plan : undefined
  if (plan) await bringPlan(tools, claim.job, folder, plan)
  const heard = listen(work, STAGES[apply.transition], intents.planned)
  const ended = await runTerraform(tools, {
    jobId: claim.job.id,
    folder,
    args: plan ? ['apply', '-json', '-input=false', PLAN_ARGUMENT] : ARGUMENTS[apply.transition],
    variables: apply.input.variables,
    host: hostOf(tools, work, apply, intents),
    stop,
    onLine: heard.onLine,
    onProcess: intents.started,
  })
  work.worked()
  journal.stage('Cleaning up')
  const left = await stateIn(folder.path)
  const lost = left === null && (await leftTooMuchState(folder.path))
  return endingOf(tools, work, apply, { ended, heard, left, lost, intents })
}

interface Left {
  readonly ended: TerraformEnded
  readonly heard: Heard
  /** null: terraform left no state that can be read; the one before counts on. */
  readonly left: Buffer | null
  /** It left one that is larger than any that is kept. */
  readonly lost: boolean
  readonly intents: Intents
}

async function endingOf(tools: Tools, work: Work, apply: Apply, { ended, heard, left, lost, intents }: Left): Promise<Ending> {
  const { journal, claim } = work
  const state = (left && parseState(left)) ?? apply.known
  for (const name of state?.longOutputs ?? []) {
    journal.write('warn', `The output ${name} is longer than ${OUTPUT_CHARACTERS_MAX} characters: it is not shown in the status.`)
  }
  const agents = state ? agentsIn(state) : []
  const sound = typeof agents === 'string' ? null : agents
  const judged = lost ? TOO_MUCH_STATE : judge(work, { ended, heard, problem: typeof agents === 'string' ? agents : null })
  const unswept = judged.phase === 'Succeeded' ? await sweep(apply, state) : null
  const verdict: Verdict = unswept === null ? judged : { phase: 'Failed', reason: 'InternalError', error: unswept }
  const changed = left !== null && !(apply.before && left.equals(apply.before))
  return {
    ...verdict,
    error: verdict.error === null ? null : journal.redacted(verdict.error),
    state: changed ? tools.sealer.seal(left, claim.job.subject.uid) : null,
    agents: sound?.map((agent) => keptAgent(tools, agent)) ?? null,
    result: resultOf(journal, {
      machines: state ? machinesIn(state) : [],
      ...placed(tools.place, [
        ...apply.tried,
        ...intents.creates(),
        ...(apply.known ? machinesIn(apply.known) : []),
        ...(state ? machinesIn(state) : []),
      ]),
      outputs: shownOutputs(work.journal, state?.outputs ?? {}),
      resources: state?.instances.length ?? 0,
      timings: heard.timings(),
      ...(lost || endedHard(ended) ? { orphans: orphansIn(heard.begun(), state) } : {}),
    }),
  }
}

/** The message of what went wrong: the state of a build is kept all the same. */
async function sweep({ tried, transition, machines }: Apply, state: State | null): Promise<string | null> {
  try {
    await sweepMachines(tried, transition === 'destroy', machines, state)
    return null
  } catch (error) {
    return `a machine that an interrupted build had left was not removed: ${messageOf(error)}`
  }
}

type Verdict = Pick<Ending, 'phase' | 'reason' | 'error'>

const TOO_MUCH_STATE: Verdict = {
  phase: 'Failed',
  reason: 'OrphansPossible',
  error: `the state is larger than ${inMebibytes(STATE_BYTES_MAX)} and was not kept: what this build made is in no state`,
}

function judge({ stop }: Work, { ended, heard, problem }: { ended: TerraformEnded; heard: Heard; problem: string | null }): Verdict {
  if (ended.code === 0 && problem !== null) return { phase: 'Failed', reason: 'TemplateInvalid', error: problem }
  if (ended.code === 0) return { phase: 'Succeeded', reason: null, error: null }
  if (ended.exceeded !== null) return { phase: 'Failed', reason: 'LimitExceeded', error: ended.exceeded }
  const asked = stopReasonOf(stop)
  const phase = asked === 'canceled' ? 'Canceled' : 'Failed'
  if (ended.killed) {
    const error = 'terraform did not end within its grace and was killed: what it was making may exist without being in the state'
    return { phase, reason: 'OrphansPossible', error }
  }
  if (asked === 'canceled') return { phase, reason: 'BuildCanceled', error: null }
  if (asked === 'too long') return { phase, reason: 'BuildTimeout', error: 'the build took longer than it may and was stopped' }
  if (endedHard(ended)) {
    return {
      phase,
      reason: 'Interrupted',
      error: `terraform was ended from outside (${ended.signal ?? `code ${ended.code}`}); its state was kept`,
    }
  }
  const { reason, text } = diagnose(heard.failures(), 'BuildFailed', ended.stderr || 'terraform ended without saying why')
  return { phase, reason, error: text }
}

/** By a signal: what it was making at that moment may be in no state. */
const endedHard = ({ killed, signal, code }: TerraformEnded): boolean => killed || signal !== null || (code !== null && code > 128)

/** Nothing in the state is nothing for terraform to do. What a crash left beside any state still goes. */
async function destroyedNothing(work: Work, { tried, machines, before }: Apply): Promise<Ending> {
  work.journal.stage('Destroying')
  work.journal.write('info', 'There is nothing in the state to destroy.')
  await sweepMachines(tried, true, machines, null)
  const result = resultOf(work.journal, { machines: [], outputs: {}, resources: 0 })
  return { phase: 'Succeeded', reason: null, error: null, state: null, agents: before ? [] : null, result }
}

async function openedState({ db, sealer }: Tools, workspaceUid: string): Promise<Buffer | null> {
  const sealed = await newestState(db, workspaceUid)
  return sealed ? sealer.open(sealed, workspaceUid) : null
}

function hostOf(tools: Tools, work: Work, { input, machines, tokens, tried }: Apply, intents: Intents): Host {
  const { job } = work.claim
  return {
    identity: identityOf(tools, job, input),
    machines,
    reports: {
      parameter: () => {},
      preset: () => {},
      async agent(seen) {
        work.journal.conceal(seen.token)
        tokens.set(seen.id, seen.token)
        await recordAgent(tools, job, seen)
      },
      creating: (machine) => intents.creating(machine),
      machine: ({ type, name, present }) => void (present || tried.push({ type, name })),
    },
  }
}

/** Before terraform has an answer, so that an agent which is quicker than its build is let in. */
const recordAgent = ({ db, sealer }: Tools, job: Job, seen: AgentSeen): Promise<void> =>
  agentMade(db, {
    id: seen.id,
    workspaceUid: job.subject.uid,
    workspaceKey: workspaceKeyOf(job),
    jobId: job.id,
    tokenHash: sha256(seen.token),
    // What else it runs and offers is known when its build ends, and told then.
    manifest: sealedManifest(sealer, seen.id, {
      ...NO_MANIFEST,
      scripts: agentScripts(seen),
      env: seen.env,
      dir: seen.dir,
      connectionTimeoutSeconds: seen.connectionTimeoutSeconds,
      complete: false,
    }),
  })
