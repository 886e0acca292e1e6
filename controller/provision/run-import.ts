import type { Host, ParameterSeen, PresetSeen } from '../../provider/port.ts'
import type { TemplateParameter, TemplatePreset } from '../store/records.ts'
import { Stalled } from '../kernel/errors.ts'
import type { Reason } from '../kernel/reasons.ts'
import { diagnose, type Diagnosis } from './diagnose.ts'
import type { WorkFolder } from './folder.ts'
import { prepareFolder, resultOf, stopReasonOf, templateOf, type Ending, type Tools, type Work } from './job.ts'
import { listen, type Heard } from './listen.ts'
import { runTerraform } from './run-terraform.ts'
import { agentNameProblem } from './state.ts'
import { asTerraform, placesOf } from './synthesise.ts'
import { readTemplate } from './template-blocks.ts'
import { agentsIn, factsOf } from './template-facts.ts'

interface Learnt {
  readonly parameters: Map<string, ParameterSeen>
  readonly presets: Map<string, PresetSeen>
  readonly tags: Record<string, string>
}

/** Reads a template without making anything: what it asks of a workspace, or what is wrong with it and where. */
export async function runImport(tools: Tools, work: Work): Promise<Ending> {
  const { claim, journal, stop } = work
  const template = await asTerraform(tools, work, await templateOf(tools, claim.job))
  const read = readTemplate(template.files)
  const placed = await placesOf(tools, claim.job.digest, template.files)
  const folder = await prepareFolder(tools, work, template, null)
  const learnt: Learnt = { parameters: new Map(), presets: new Map(), tags: {} }
  try {
    const start = await planned(tools, work, folder, 'start', learnt)
    if (!start.ok) return stop.aborted ? canceled(work) : failed(work, start.reason, placed(journal.redacted(start.text)))
    checkAgents(start.heard)
    // The same folder once more, as a stop would find it: what is not planned then does not outlive one.
    const stopped = await planned(tools, work, folder, 'stop', { parameters: new Map(), presets: new Map(), tags: {} })
    if (!stopped.ok)
      return stop.aborted ? canceled(work) : failed(work, stopped.reason, placed(journal.redacted(`when it is stopped: ${stopped.text}`)))
    checkAgents(stopped.heard)
    const prebuilds = Object.fromEntries(
      [...learnt.presets.values()].flatMap(({ name, prebuilds: count = 0 }) => (count > 0 ? [[name, count]] : [])),
    )
    const seen = { files: template.files, read, start: start.heard.planned(), stop: stopped.heard.planned(), tags: learnt.tags, prebuilds }
    return {
      phase: 'Succeeded',
      reason: null,
      error: null,
      state: null,
      agents: null,
      result: resultOf(journal),
      version: {
        ok: true,
        error: null,
        parameters: parametersOf(learnt.parameters),
        presets: presetsOf(learnt.presets),
        facts: factsOf(seen),
      },
    }
  } finally {
    work.worked()
    journal.stage('Cleaning up')
  }
}

type Plan = { readonly ok: true; readonly heard: Heard } | ({ readonly ok: false } & Diagnosis)

async function planned(tools: Tools, work: Work, folder: WorkFolder, transition: 'start' | 'stop', learnt: Learnt): Promise<Plan> {
  const { claim, stop } = work
  const heard = listen(work, 'Starting')
  const ended = await runTerraform(tools, {
    jobId: claim.job.id,
    folder,
    args: ['plan', '-json', '-input=false', '-lock=false'],
    variables: claim.job.input?.variables ?? {},
    host: hostOf(tools, work, transition, learnt),
    stop,
    onLine: heard.onLine,
    onProcess: () => {},
  })
  if (ended.code === 0 && !stop.aborted) return { ok: true, heard }
  return { ok: false, ...diagnose(heard.failures(), 'ImportFailed', ended.stderr || 'terraform ended without saying why') }
}

/** A template that cannot be imported, as an outcome. */
export const failed = (work: Work, reason: Reason, error: string): Ending => ({
  phase: 'Failed',
  reason,
  error,
  state: null,
  agents: null,
  result: resultOf(work.journal),
  ...(work.claim.job.kind === 'import' ? { version: { ok: false, error, parameters: [], presets: [], facts: null } } : {}),
})

const canceled = (work: Work): Ending =>
  stopReasonOf(work.stop) === 'canceled'
    ? { phase: 'Canceled', reason: 'BuildCanceled', error: null, state: null, agents: null, result: resultOf(work.journal) }
    : failed(work, stopReasonOf(work.stop) === 'too long' ? 'BuildTimeout' : 'Interrupted', 'the import was stopped before it was done')

/** Nobody owns a workspace yet: stand-ins that a template can compute with. */
function hostOf(tools: Tools, { claim, journal }: Work, transition: 'start' | 'stop', { parameters, presets, tags }: Learnt): Host {
  const { job } = claim
  const nobody = { id: '00000000-0000-0000-0000-000000000000', name: 'default', fullName: 'default', email: 'default@example.com' }
  return {
    identity: {
      transition,
      importing: true,
      buildId: job.id,
      workspace: { id: nobody.id, name: 'default' },
      owner: { ...nobody, groups: [] },
      template: { id: job.subject.uid, name: job.subject.name, version: job.digest },
      parameters: new Map(),
      previousParameters: new Map(),
      accessUrl: tools.accessUrl(),
    },
    reports: {
      parameter: (seen) => void parameters.set(seen.name, seen),
      preset: (seen) => void presets.set(seen.name, seen),
      tags: (seen) => void Object.assign(tags, seen),
      agent: async ({ token }) => journal.conceal(token),
      creating: async () => {
        throw new Stalled('TemplateInvalid', 'an import makes nothing')
      },
      machine: () => {},
    },
    machines: tools.machinesFor({
      workspace: { uid: nobody.id, namespace: job.subject.namespace, name: 'default' },
      owner: nobody,
      buildId: job.id,
      tokenOf: () => null,
    }),
  }
}

/** Found now rather than by the first person who starts a workspace. */
function checkAgents(heard: Heard): void {
  const names = new Set<string>()
  for (const { name, address } of agentsIn(heard.planned())) {
    const problem =
      agentNameProblem(name) ??
      (names.has(name.toLowerCase()) ? `there are two agents with the name "${name}"; ${address} is one of them` : null)
    if (problem) throw new Stalled('TemplateInvalid', problem)
    names.add(name.toLowerCase())
  }
}

const parametersOf = (seen: ReadonlyMap<string, ParameterSeen>): TemplateParameter[] =>
  [...seen.values()].map(asked).toSorted((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1))

const asked = ({ value: _value, ...parameter }: ParameterSeen): TemplateParameter =>
  Object.freeze({ ...parameter, required: parameter.default === null })

const presetsOf = (seen: ReadonlyMap<string, PresetSeen>): TemplatePreset[] =>
  [...seen.values()].map(({ name, description, parameters, ...rest }) => ({ name, description, parameters, default: rest.default }))
