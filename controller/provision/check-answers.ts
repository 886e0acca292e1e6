import type { NormalisedTemplate } from '../../crds/files.ts'
import { Stalled } from '../kernel/errors.ts'
import type { BuildInput } from '../store/records.ts'
import type { Tools, Work } from './job.ts'
import { evaluate } from './run-preview.ts'
import { readTemplate } from './template-blocks.ts'
import { isConditional } from './template-facts.ts'

/** Before anything is made: where what is asked depends on the answers, only an evaluation with them can judge them. */
export async function checkAnswers(tools: Tools, work: Work, template: NormalisedTemplate, input: BuildInput): Promise<void> {
  if (!isConditional(readTemplate(template.files))) return
  const asked = { values: input.parameters, preset: null, previous: input.previousParameters }
  const { parameters } = await evaluate(tools, work, template, asked)
  const wrong = parameters.flatMap(({ error }) => error ?? [])
  if (wrong.length > 0) throw new Stalled('ParameterInvalid', wrong.join('; '))
}
