import type { Host, ParameterSeen, PresetSeen } from '../../provider/port.ts'
import type { TemplateParameter, TemplatePreset } from '../store/records.ts'
import { Stalled } from '../kernel/errors.ts'
import type { Reason } from '../kernel/reasons.ts'
import { diagnose } from './diagnose.ts'
import { prepareFolder, resultOf, stopReasonOf, templateOf, type Ending, type Tools, type Work } from './job.ts'
import { listen, type Heard } from './listen.ts'
import { runTerraform } from './run-terraform.ts'
import { agentNameProblem } from './state.ts'

/** Reads a template without making anything: what it asks of a workspace, or what is wrong with it and where. */
export async function runImport(tools: Tools, work: Work): Promise<Ending> {
  const { claim, journal, stop } = work
  const parameters = new Map<string, ParameterSeen>()
  const presets = new Map<string, PresetSeen>()
  const host = hostOf(tools, work, parameters, presets)
  const folder = await prepareFolder(tools, work, await templateOf(tools, claim.job), null)
  const heard = listen(work, 'Starting')
  try {
    const ended = await runTerraform(tools, {
      jobId: claim.job.id,
      folder,
      args: ['plan', '-json', '-input=false', '-lock=false'],
      variables: claim.job.input?.variables ?? {},
      host,
      stop,
      onLine: heard.onLine,
      onProcess: () => {},
    })
    work.worked()
    journal.stage('Cleaning up')
    if (stop.aborted) return canceled(work)
    if (ended.code !== 0) {
      const problem = diagnose(heard.failures(), 'ImportFailed', ended.stderr || 'terraform ended without saying why')
      return failed(work, problem.reason, journal.redacted(problem.text))
    }
    checkAgents(heard)
    return {
      phase: 'Succeeded',
      reason: null,
      error: null,
      state: null,
      agents: null,
      result: resultOf(journal),
      version: { ok: true, error: null, parameters: parametersOf(parameters), presets: presetsOf(presets) },
    }
  } finally {
    journal.stage('Cleaning up')
  }
}

/** A template that cannot be imported, as an outcome. */
export const failed = (work: Work, reason: Reason, error: string): Ending => ({
  phase: 'Failed',
  reason,
  error,
  state: null,
  agents: null,
  result: resultOf(work.journal),
  ...(work.claim.job.kind === 'import' ? { version: { ok: false, error, parameters: [], presets: [] } } : {}),
})

const canceled = (work: Work): Ending =>
  stopReasonOf(work.stop) === 'canceled'
    ? { phase: 'Canceled', reason: 'BuildCanceled', error: null, state: null, agents: null, result: resultOf(work.journal) }
    : failed(work, stopReasonOf(work.stop) === 'too long' ? 'BuildTimeout' : 'Interrupted', 'the import was stopped before it was done')

/** Nobody owns a workspace yet: stand-ins that a template can compute with. */
function hostOf(tools: Tools, { claim, journal }: Work, parameters: Map<string, ParameterSeen>, presets: Map<string, PresetSeen>): Host {
  const { job } = claim
  const nobody = { id: '00000000-0000-0000-0000-000000000000', name: 'default', fullName: 'default', email: 'default@example.com' }
  return {
    identity: {
      transition: 'start',
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
  for (const { type, name, address } of heard.planned()) {
    if (!/^(coder|bothy)_agent$/.test(type)) continue
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
