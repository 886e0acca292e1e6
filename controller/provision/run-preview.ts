import type { NormalisedTemplate } from '../../crds/files.ts'
import { parameterProblem, type ParameterProblem } from '../../crds/parameters.ts'
import { Stalled } from '../kernel/errors.ts'
import type { PreviewAnswer, TemplateParameter } from '../store/records.ts'
import { prepareFolder, resultOf, stopReasonOf, templateOf, type Ending, type Tools, type Work } from './job.ts'
import { nothingLearnt, parametersOf, planned, presetsOf, refuseSecretDefaults, type Learnt } from './read-plan.ts'
import { readTemplate } from './template-blocks.ts'
import { askedAddresses } from './template-facts.ts'

/** What a template would ask and answer with these values: a form follows what is typed. Nothing is made, nothing is kept. */
export async function runPreview(tools: Tools, work: Work): Promise<Ending> {
  const { input } = work.claim.job
  const stored = await templateOf(tools, work.claim.job)
  const preview = await evaluate(tools, work, stored, { values: input?.parameters ?? {}, preset: input?.preset ?? null })
  if (stopReasonOf(work.stop) === 'canceled')
    return { phase: 'Canceled', reason: 'BuildCanceled', error: null, state: null, agents: null, result: resultOf(work.journal) }
  return { phase: 'Succeeded', reason: null, error: null, state: null, agents: null, result: resultOf(work.journal, { preview }) }
}

export interface Asked {
  readonly values: Readonly<Record<string, string>>
  readonly preset: string | null
  /** Of the newest successful build. */
  readonly previous?: Readonly<Record<string, string>>
}

/** With more than these a command line would become too long: then all of the template is planned. */
const TARGETS_MAX = 200

/** Throws `Stalled` where the template itself cannot be evaluated; wrong values are part of the answer. */
export async function evaluate(
  tools: Tools,
  work: Work,
  template: NormalisedTemplate,
  { values, preset, previous = {} }: Asked,
): Promise<PreviewAnswer> {
  const startedAtMs = tools.clock.elapsedMs()
  const addresses = askedAddresses(readTemplate(template.files))
  if (addresses.length === 0) return { parameters: [], presets: [], problems: unknown(values, []), durationMs: 0 }
  const folder = await prepareFolder(tools, work, template, null)
  const targets = addresses.length > TARGETS_MAX ? [] : addresses
  const look = async (given: Readonly<Record<string, string>>): Promise<Learnt> => {
    const learnt = nothingLearnt()
    const plan = await planned(tools, work, folder, 'start', learnt, { values: new Map(Object.entries(given)), targets })
    if (!plan.ok && !work.stop.aborted) throw new Stalled(plan.reason, work.journal.redacted(plan.text))
    return learnt
  }
  const first = await look(values)
  const chosen = first.presets.get(preset ?? '')
  const adds = chosen && Object.keys(chosen.parameters).some((name) => !Object.hasOwn(values, name))
  // A preset is part of the template: what is in it is known only once it was read.
  const all = chosen ? { ...chosen.parameters, ...values } : values
  const learnt = adds ? await look(all) : first
  refuseSecretDefaults(work.journal, learnt)
  const parameters = parametersOf(learnt.parameters)
  return {
    parameters: parameters.map((parameter) => answered(parameter, all, previous)),
    presets: presetsOf(learnt.presets),
    problems: [...missing(preset, [...first.presets.keys()]), ...unknown(values, parameters)],
    durationMs: Math.round(tools.clock.elapsedMs() - startedAtMs),
  }
}

function answered(
  parameter: TemplateParameter,
  given: Readonly<Record<string, string>>,
  previous: Readonly<Record<string, string>>,
): PreviewAnswer['parameters'][number] {
  const value = Object.hasOwn(given, parameter.name) ? (given[parameter.name] ?? null) : parameter.default
  const error =
    value === null
      ? `parameter "${parameter.name}" needs a value`
      : (parameterProblem(parameter, value, previous[parameter.name])?.message ?? null)
  return Object.freeze({ ...parameter, value, error })
}

function missing(preset: string | null, offered: readonly string[]): ParameterProblem[] {
  if (preset === null || offered.includes(preset)) return []
  const message = `there is no preset "${preset}"; the template has ${offered.slice(0, 10).join(', ') || 'none'}`
  return [{ parameter: preset, rule: 'preset', message }]
}

const unknown = (values: Readonly<Record<string, string>>, parameters: readonly TemplateParameter[]): ParameterProblem[] =>
  Object.keys(values)
    .filter((name) => !parameters.some((parameter) => parameter.name === name))
    .map((name) => ({ parameter: name, rule: 'unknown' as const, message: `parameter "${name}" is not asked with these answers` }))
