import { declareObject, type DeclaredObject } from './declare.ts'
import { placedCauses, readGiven, refOfDocument, shownPlace, type Given, type PlacedCause } from './documents.ts'
import { EXIT, Failure } from './failure.ts'
import { inOrder, shownRef, type Ref } from './objects.ts'
import { causeText } from './refusal.ts'
import type { Run, Session } from './session.ts'
import { yamlOf } from './yaml.ts'

interface RefusedDocument {
  readonly ref: Ref | null
  readonly failure: Failure
  readonly where: string
  readonly causes: readonly PlacedCause[]
}

/** Tries every document; what is refused is shown where it stands, and does not keep the rest from being applied. */
export const run: Run = async (session, _args, options) => {
  const { documents, problems } = await readGiven(options.list('file'))
  const dryRun = options.flag('dryRun')
  const applied: DeclaredObject[] = []
  const refused: RefusedDocument[] = problems.map((problem) => ({
    ref: null,
    failure: new Failure(EXIT.refused, { what: problem.message }, { reason: 'InvalidYaml' }),
    where: shownPlace(problem),
    causes: [],
  }))
  for (const given of documents) {
    const outcome = await applyOne(session, given, dryRun)
    if ('failure' in outcome) refused.push(outcome)
    else {
      applied.push(outcome.declared)
      if (session.output === 'text') session.terminal.out(`${shownRef(outcome.ref)} ${outcome.declared.verb}${dryRun ? ' (dry run)' : ''}`)
      if (session.output === 'name') session.terminal.out(`${outcome.ref.kind.singular}/${outcome.ref.name}`)
    }
  }
  return await report(session, applied, refused, documents.length + problems.length)
}

async function applyOne(
  session: Session,
  given: Given,
  dryRun: boolean,
): Promise<{ readonly ref: Ref; readonly declared: DeclaredObject } | RefusedDocument> {
  let ref: Ref | null = null
  try {
    ref = refOfDocument(given, session.namespace)
    return { ref, declared: await declareObject(session.client(), ref, given.object, { dryRun }) }
  } catch (error) {
    // Without a control plane, every other document would fail the same way.
    if (!(error instanceof Failure) || error.code === EXIT.unreachable || error.reason === 'Unauthorized') throw error
    const where = ref ? shownPlace(given.place) : (error.text.where ?? shownPlace(given.place))
    return { ref, failure: error, where, causes: placedCauses(error.causes, given) }
  }
}

async function report(
  session: Session,
  applied: readonly DeclaredObject[],
  refused: readonly RefusedDocument[],
  total: number,
): Promise<number> {
  const { terminal, output } = session
  const objects = applied.map(({ after }) => inOrder(after))
  if (output === 'json') terminal.out(JSON.stringify({ applied: objects, refused: refused.map(refusedJson) }, null, 2))
  else {
    if (output === 'yaml') for (const object of objects) terminal.write(`---\n${await yamlOf(object)}`)
    for (const each of refused) for (const line of refusedLines(each)) terminal.err(line)
  }
  if (refused.length === 0) {
    if (total === 0)
      throw new Failure(EXIT.refused, { what: 'there is no document in what was given', fix: 'see that the file is not empty' })
    return EXIT.done
  }
  if (output !== 'json') terminal.err(`bothy: ${refused.length} of ${total} ${total === 1 ? 'document' : 'documents'} refused`)
  return EXIT.refused
}

/** `workspace.yaml:7:5: workspace/dev: spec.power: …`, one line for each thing that is wrong. */
function refusedLines({ ref, failure, where, causes }: RefusedDocument): string[] {
  const name = ref ? `${shownRef(ref)}: ` : ''
  if (causes.length === 0) return [`${where}: ${name}${failure.text.what}`]
  return causes.map((cause) => `${shownPlace(cause.place)}: ${name}${causeText(cause)}`)
}

const refusedJson = ({ ref, failure, where, causes }: RefusedDocument) => ({
  object: ref ? { kind: ref.kind.kind, namespace: ref.kind.namespaced ? ref.namespace : null, name: ref.name } : null,
  where,
  reason: failure.reason,
  what: failure.text.what,
  causes,
})
