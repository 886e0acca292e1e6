import type { NormalisedTemplate } from '../../crds/files.ts'
import { Stalled } from '../kernel/errors.ts'
import type { Reason } from '../kernel/reasons.ts'
import { prepareFolder, resultOf, stopReasonOf, templateOf, type Ending, type Tools, type Work } from './job.ts'
import type { Heard } from './listen.ts'
import { nothingLearnt, parametersOf, planned, presetsOf, refuseSecretDefaults } from './read-plan.ts'
import { agentNameProblem } from './state.ts'
import { keepSynthesised } from '../store/versions.ts'
import { asTerraform } from './synthesise.ts'
import { readTemplate } from './template-blocks.ts'
import { agentsIn, factsOf } from './template-facts.ts'

/** Reads a template without making anything: what it asks of a workspace, or what is wrong with it and where. */
export async function runImport(tools: Tools, work: Work): Promise<Ending> {
  const { claim } = work
  const stored = await templateOf(tools, claim.job)
  const template = await asTerraform(tools, work, stored)
  if (template !== stored) await keepSynthesised(tools.db, claim.job.digest, template)
  return learnAll(tools, work, template)
}

/** What an import does once the files are terraform's. */
export async function learnAll(tools: Tools, work: Work, template: NormalisedTemplate): Promise<Ending> {
  const { journal, stop } = work
  const read = readTemplate(template.files)
  const folder = await prepareFolder(tools, work, template, null)
  const learnt = nothingLearnt()
  try {
    const start = await planned(tools, work, folder, 'start', learnt)
    if (!start.ok) return stop.aborted ? canceled(work) : failed(work, start.reason, journal.redacted(start.text))
    checkAgents(start.heard)
    refuseSecretDefaults(journal, learnt)
    // The same folder once more, as a stop would find it: what is not planned then does not outlive one.
    const stopped = await planned(tools, work, folder, 'stop', nothingLearnt())
    if (!stopped.ok)
      return stop.aborted ? canceled(work) : failed(work, stopped.reason, journal.redacted(`when it is stopped: ${stopped.text}`))
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
