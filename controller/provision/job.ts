import type { Identity, Machines } from '../../provider/port.ts'
import { normaliseTemplate, type NormalisedTemplate } from '../../crds/files.ts'
import type { Clock } from '../kernel/clock.ts'
import { Stalled } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { keyOf, type Key } from '../kernel/names.ts'
import type { Db } from '../store/pool.ts'
import type { BuildInput, Claim, Job, JobResult } from '../store/records.ts'
import type { Outcome } from '../store/finish-job.ts'
import { openVariables } from '../store/kept-values.ts'
import { sealedManifest } from '../store/sealed-manifest.ts'
import type { Sealer } from '../store/sealed.ts'
import { filesOf, synthesisedOf } from '../store/versions.ts'
import { folderOf, makeFolder, type WorkFolder } from './folder.ts'
import type { Journal } from './journal.ts'
import type { AgentFound } from './manifest.ts'
import { placesIn } from './places.ts'
import type { StopReason, TerraformTools } from './run-terraform.ts'
import type { Shared } from './prepared-files.ts'
import type { Shelf } from './shelf.ts'
import { readTemplate, secretVariables, type Read } from './template-blocks.ts'

/** For whom the machines of one build are made; the token of an agent never appears in a plan or in argv. */
export interface MachineOwner {
  readonly workspace: { readonly uid: string; readonly namespace: string; readonly name: string }
  readonly owner: BuildInput['owner']
  readonly buildId: string
  readonly tokenOf: (agentId: string) => string | null
  /** A line in the log of the job: what is waited for, how far it is. Absent: nobody reads along. */
  readonly say?: (line: string) => void
}

export type MachinesFor = (owner: MachineOwner) => Machines

/** What every job of a provisioner is done with. */
export interface Tools extends TerraformTools {
  readonly db: Db
  readonly sealer: Sealer
  readonly log: Log
  readonly stateDir: string
  readonly host: string
  /** Of the state folder, which is where native machines are. */
  readonly place: string
  readonly backendRecord: string
  readonly shelf: Shelf
  readonly accessUrl: () => string
  readonly machinesFor: MachinesFor
}

/** One claimed job while it runs. */
export interface Work {
  readonly claim: Claim
  readonly journal: Journal
  readonly stop: AbortSignal
  /** Something was done: it is not stuck. */
  readonly progressed: () => void
  /** Terraform has ended: what is left waits for the disk and the database, and somebody else may have the processor. */
  readonly worked: () => void
}

/** How a job ended; the state is sealed by whoever finishes the job. */
export type Ending = Omit<Outcome, 'state'> & { readonly state: Buffer | null }

export const stopReasonOf = (stop: AbortSignal): StopReason | null => {
  const reason: unknown = stop.aborted ? stop.reason : null
  return reason === 'canceled' || reason === 'too long' || reason === 'lease lost' || reason === 'closing' ? reason : null
}

export const workspaceKeyOf = (job: Job): Key => keyOf('Workspace', job.subject.namespace, job.subject.name)

/** What a workspace is destroyed with when its template is no longer kept: the state says what there is. */
const NO_TEMPLATE: NormalisedTemplate = normaliseTemplate(new Map([['main.tf', '']]))

/** The template's files as they were imported. */
export async function templateOf({ db }: Tools, job: Job): Promise<NormalisedTemplate> {
  const [files, synthesised] = await Promise.all([filesOf(db, job.digest), synthesisedOf(db, job.digest)])
  if (synthesised) return synthesised
  if (files) return { digest: job.digest, files }
  if (job.transition === 'destroy') return NO_TEMPLATE
  throw new Stalled('TemplateInvalid', `the files of version ${job.digest} are no longer kept: import the template again`)
}

/** What is read and fetched before anything of the job itself is written down. */
export interface Fetched {
  readonly read: Read
  readonly shared: Shared | null
}

export async function fetchShared(tools: Tools, work: Work, template: NormalisedTemplate, state: Buffer | null): Promise<Fetched> {
  const read = readTemplate(template.files)
  const say = (text: string): void => {
    work.progressed()
    work.journal.write('info', text)
  }
  const { digest } = work.claim.job
  const over = new AbortController()
  const waiting = progressing(tools.clock, work, over.signal)
  try {
    return { read, shared: await tools.shelf.sharedFor({ digest, template, read, state, stop: work.stop, say }) }
  } finally {
    over.abort()
    await waiting
  }
}

const FETCH_SIGN_MS = 30_000

/** A download says nothing for minutes, and has a limit of its own: it is not stuck. */
async function progressing(clock: Clock, work: Work, over: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(FETCH_SIGN_MS, over)
    if (over.aborted) return
    work.progressed()
  }
}

/** Everything ready for terraform. */
export async function prepareFolder(
  tools: Tools,
  work: Work,
  template: NormalisedTemplate,
  state: Buffer | null,
  before?: Fetched,
): Promise<WorkFolder> {
  const { job } = work.claim
  const { read, shared } = before ?? (await fetchShared(tools, work, template, state))
  concealVariables(read, job.input?.variables ?? {}, work.journal)
  work.journal.speakOf(placesIn(template.files))
  return makeFolder(folderOf(tools.stateDir, job.id), {
    ...template,
    state,
    backendRecord: tools.backendRecord,
    user: tools.sandbox.userOf(job.id),
    lock: shared?.manifest.lock ?? null,
    shared: shared && {
      outside: shared.folder,
      inside: tools.sandbox.seenAt({ outside: shared.folder, inside: SHARED_INSIDE }),
      manifest: shared.manifest,
      network: shared.network,
    },
  })
}

/** Where every build sees what was fetched for its version. */
const SHARED_INSIDE = '/prepared'

function concealVariables(read: Read, variables: Readonly<Record<string, string>>, journal: Journal): void {
  for (const name of secretVariables(read)) {
    const value = variables[name]
    if (value !== undefined) journal.conceal(value)
  }
}

/** With the values of its variables, which until now were only named. Here they are in memory, and in no log. */
export async function openInput({ db, sealer }: Tools, journal: Journal, input: BuildInput): Promise<BuildInput> {
  const { variables, secrets } = await openVariables(db, sealer, input.template.uid, input.variables)
  for (const secret of secrets) journal.conceal(secret)
  return { ...input, variables }
}

/** Without its token, and with what it is told sealed. */
export const keptAgent = ({ sealer }: Tools, { id, name, manifest }: AgentFound) => ({
  id,
  name,
  manifest: sealedManifest(sealer, id, manifest),
})

/** Outputs are for everybody: what must not be seen is not, also where the template forgot to say so. */
export const shownOutputs = (journal: Journal, outputs: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, concealed(journal, value)]))

function concealed(journal: Journal, value: unknown): unknown {
  if (typeof value === 'string') return journal.redacted(value)
  if (Array.isArray(value)) return value.map((each) => concealed(journal, each))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [journal.redacted(name), concealed(journal, each)]))
}

/** Who asks, as the provider tells the template. */
export function identityOf(tools: Tools, job: Job, input: BuildInput): Identity {
  return {
    transition: job.transition ?? 'start',
    buildId: job.id,
    workspace: { id: job.subject.uid, name: job.subject.name },
    owner: { ...input.owner, groups: [] },
    template: { id: input.template.uid, name: input.template.name, version: job.digest },
    parameters: new Map(Object.entries(input.parameters)),
    previousParameters: new Map(Object.entries(input.previousParameters)),
    accessUrl: tools.accessUrl(),
  }
}

export const resultOf = (journal: Journal, result: JobResult = {}): JobResult => ({ ...result, stages: journal.stages() })
