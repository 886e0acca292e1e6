import { declaredPart, declareObject } from './declare.ts'
import { placedCauses, readGiven, refOfDocument, shownPlace } from './documents.ts'
import { EXIT, Failure } from './failure.ts'
import { lineDiff } from './line-diff.ts'
import { shownRef } from './objects.ts'
import type { Run } from './session.ts'
import { yamlOf } from './yaml.ts'

/** What apply would change, as the server would have it afterwards, defaults included. Exits 1 where anything differs. */
export const run: Run = async (session, _args, options) => {
  const { documents, problems } = await readGiven(options.list('file'))
  for (const problem of problems)
    throw new Failure(EXIT.refused, { what: problem.message, where: shownPlace(problem) }, { reason: 'InvalidYaml' })
  let differs = false
  for (const given of documents) {
    const ref = refOfDocument(given, session.namespace)
    try {
      const { before, after } = await declareObject(session.client(), ref, given.object, { dryRun: true })
      const lines = lineDiff(await yamlLines(declaredPart(before)), await yamlLines(declaredPart(after)))
      if (lines.length === 0) continue
      differs = true
      session.terminal.out(session.terminal.style('bold', `${shownRef(ref)} (${shownPlace(given.place)})`))
      for (const line of lines) session.terminal.out(coloured(session.terminal.style, line))
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== EXIT.refused) throw error
      const [cause] = placedCauses(error.causes, given)
      throw new Failure(
        error.code,
        { ...error.text, where: shownPlace(cause?.place ?? given.place) },
        { reason: error.reason ?? '', causes: error.causes },
      )
    }
  }
  return differs ? EXIT.didNotBecomeSo : EXIT.done
}

const yamlLines = async (value: unknown): Promise<string[]> => (value === null ? [] : (await yamlOf(value)).trimEnd().split('\n'))

const coloured = (style: (style: 'green' | 'red', text: string) => string, line: string): string =>
  line.startsWith('+') ? style('green', line) : line.startsWith('-') ? style('red', line) : line
