import { randomUUID } from 'node:crypto'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { NormalisedTemplate } from '../crds/files.ts'
import type { Config } from './config.ts'
import { systemClock } from './kernel/clock.ts'
import { Misconfigured, Stalled } from './kernel/errors.ts'
import { jsonLog } from './kernel/log.ts'
import type { Tools, Work } from './provision/job.ts'
import { createJournal } from './provision/journal.ts'
import { offlineTools } from './provision/provisioner.ts'
import { learnAll } from './provision/run-import.ts'
import { evaluate, type Asked } from './provision/run-preview.ts'
import { asTerraform } from './provision/synthesise.ts'
import { machinesOn } from './provisioner.ts'
import { readTemplateFolder } from './source/template-folder.ts'
import type { Db } from './store/pool.ts'
import type { BuildInput, Job, PreviewAnswer } from './store/records.ts'
import type { Sealer } from './store/sealed.ts'
import type { ImportOutcome } from './store/versions.ts'

/** A folder read as a provisioner would import it, by the terraform of this machine and without any control plane. */

export interface TemplateRead {
  readonly digest: string
  /** Each with its place; empty: it can be imported. */
  readonly problems: readonly string[]
  readonly learnt: Omit<ImportOutcome, 'ok' | 'error'> | null
}

export interface TemplatePreviewed {
  readonly digest: string
  readonly problems: readonly string[]
  readonly preview: PreviewAnswer | null
}

export const validateTemplate = (config: Config, folder: string, variables: BuildInput['variables']): Promise<TemplateRead> =>
  reading(config, folder, variables, async (tools, work, template) => {
    const { version } = await learnAll(tools, work, await asTerraform(tools, work, template))
    if (!version?.ok) return { digest: template.digest, problems: linesOf(version?.error ?? 'it could not be read'), learnt: null }
    const { parameters, presets, facts } = version
    return { digest: template.digest, problems: [], learnt: { parameters, presets, facts } }
  }).catch((error: unknown) => ({ digest: '', problems: problemsOf(error), learnt: null }))

export const previewTemplate = (
  config: Config,
  folder: string,
  variables: BuildInput['variables'],
  asked: Asked,
): Promise<TemplatePreviewed> =>
  reading(config, folder, variables, async (tools, work, template) => ({
    digest: template.digest,
    problems: [],
    preview: await evaluate(tools, work, await asTerraform(tools, work, template), asked),
  })).catch((error: unknown) => ({ digest: '', problems: problemsOf(error), preview: null }))

/** In the order of the files; a message may have several lines of its own. */
const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))

/** What is wrong with the template is an answer; what is wrong with this machine is not. */
function problemsOf(error: unknown): string[] {
  if (error instanceof Stalled) return linesOf(error.message)
  throw error
}

type Reading<Answer> = (tools: Tools, work: Work, template: NormalisedTemplate) => Promise<Answer>

async function reading<Answer>(config: Config, folder: string, variables: BuildInput['variables'], read: Reading<Answer>): Promise<Answer> {
  const real = await realpath(resolve(folder)).catch(() => {
    throw new Misconfigured(`there is no folder ${folder}`)
  })
  const template = await readTemplateFolder(dirname(real), basename(real))
  const stateDir = await mkdtemp(join(tmpdir(), 'bothy-template-'))
  const stop = new AbortController()
  const interrupt = () => stop.abort('canceled')
  process.once('SIGINT', interrupt)
  try {
    const log = jsonLog(systemClock, 'error', (line) => process.stderr.write(line), {})
    const tools = await offlineTools({
      db: NO_DATABASE,
      sealer: NO_SEALER,
      clock: systemClock,
      log,
      machinesFor: machinesOn({ ...config, stateDir }, log, null),
      config: {
        ...config.provisioner,
        id: 'offline',
        name: hostname(),
        version: '',
        stateDir,
        environment: config.environment,
        searchPath: config.environment['PATH'] ?? '',
        accessUrl: () => 'http://127.0.0.1',
      },
    })
    return await read(tools, workOn(template, variables, stop.signal, log), template)
  } finally {
    process.removeListener('SIGINT', interrupt)
    await rm(stateDir, { recursive: true, force: true })
  }
}

const NOBODY = { name: 'default', id: '00000000-0000-0000-0000-000000000000', fullName: 'default', email: 'default@example.com' }

function workOn(template: NormalisedTemplate, variables: BuildInput['variables'], stop: AbortSignal, log: Tools['log']): Work {
  const subject = { uid: randomUUID(), namespace: 'default', name: 'template' }
  const now = systemClock.now()
  const job: Job = {
    id: '1',
    kind: 'import',
    subject,
    number: null,
    transition: null,
    digest: template.digest,
    reason: 'SourceChanged',
    initiator: NOBODY.name,
    requestUid: null,
    class: 'person',
    labels: {},
    inputs: '',
    input: { owner: NOBODY, template: subject, parameters: {}, previousParameters: {}, variables, preset: null },
    phase: 'Running',
    queuedAt: now,
    claimedAt: now,
    startedAt: now,
    finishedAt: null,
    cancelRequestedAt: null,
    cancelBy: null,
    errorReason: null,
    error: null,
    provisionerId: null,
    result: null,
  }
  const journal = createJournal({ clock: systemClock, log, append: async () => {} })
  return { claim: { job, provisionerId: 'offline', epoch: 0 }, journal, stop, progressed: () => {}, worked: () => {} }
}

/** Knows nothing and keeps nothing. */
const NO_DATABASE: Db = {
  query: async () => [],
  transaction: (work) => work(NO_DATABASE),
  listen: async () => async () => {},
  notify: async () => {},
  stats: () => ({ total: 0, idle: 0, waiting: 0 }),
  close: async () => {},
}

const noState = (): never => {
  throw new Error('a template that is only read has no state')
}
const NO_SEALER: Sealer = { seal: noState, open: noState, derive: noState }
