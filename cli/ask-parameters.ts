import type { Readable, Writable } from 'node:stream'
import { plain } from '../controller/kernel/plain.ts'
import type { TemplateParameter } from '../crds/parameters.ts'
import { EXIT, Failure } from './failure.ts'

/** Asks a person for values, one after the other, until each is one that the template takes. */
export async function askParameters(
  parameters: readonly TemplateParameter[],
  io: { readonly input: Readable; readonly output: Writable },
): Promise<Readonly<Record<string, string>>> {
  const { createInterface } = await import('node:readline/promises')
  const { parameterProblem } = await import('../crds/parameters.ts')
  const lines = createInterface(io)
  const left = new Promise<never>((_, reject) => lines.once('close', () => reject(unanswered())))
  const answers: Record<string, string> = {}
  try {
    for (const parameter of parameters) {
      // Templates are strangers' texts: what would move the cursor is left out.
      for (const line of introduction(parameter)) io.output.write(`${plain(line)}\n`)
      for (;;) {
        const value = meant(parameter, (await Promise.race([lines.question(`${plain(parameter.name)}: `), left])).trim())
        const problem =
          value === '' ? `parameter "${parameter.name}" needs a value` : parameterProblem(parameter, value, undefined)?.message
        if (problem === undefined) {
          answers[parameter.name] = value
          break
        }
        io.output.write(`  ${plain(problem)}\n`)
      }
    }
  } finally {
    // Whoever listens has the answers, or another error.
    left.catch(() => {})
    lines.close()
  }
  return answers
}

const unanswered = (): Failure =>
  new Failure(EXIT.didNotBecomeSo, {
    what: 'not everything was answered, so nothing was created',
    fix: 'give values with --param NAME=VALUE',
  })

const TYPES: Readonly<Record<TemplateParameter['type'], string>> = {
  string: 'text',
  number: 'a number',
  bool: 'true or false',
  'list(string)': 'a JSON list of texts',
}

function introduction({ name, type, description, options }: TemplateParameter): string[] {
  const head = `${name}, ${TYPES[type]}${description === '' ? '' : `: ${description.trim()}`}`
  const width = Math.max(0, ...options.map((option) => option.name.length))
  const listed = options.map((option, i) => {
    const note = [option.value === option.name ? '' : option.value, option.description].filter((part) => part !== '').join(', ')
    return `  ${i + 1}) ${option.name.padEnd(width)}${note === '' ? '' : `  ${note}`}`.trimEnd()
  })
  return [head, ...listed]
}

/** Options may be answered by their number or name; a value that is itself a number comes first. */
function meant({ options }: TemplateParameter, answer: string): string {
  if (options.some(({ value }) => value === answer)) return answer
  const named = options.find(({ name }) => name === answer) ?? (/^\d{1,3}$/.test(answer) ? options[Number(answer) - 1] : undefined)
  return named?.value ?? answer
}
