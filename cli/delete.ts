import { kindOf } from '../crds/kinds.ts'
import { readGiven, refOfDocument, shownPlace } from './documents.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { field, textOf } from './json.ts'
import { getObject, pathOfRef, refOf, shownRef, type Ref } from './objects.ts'
import type { Options } from './options.ts'
import type { Run, Session } from './session.ts'
import { goalOf, waitFor } from './wait.ts'

/** `delete workspace/dev`, `delete workspace dev other`, `delete -f workspace.yaml`. */
export const run: Run = async (session, args, options) => {
  const refs = [...refsOf(session, args), ...(await refsOfFiles(session, options))]
  if (refs.length === 0) throw usage('nothing to delete is named', 'name KIND/NAME, or files with -f')
  const dryRun = options.flag('dryRun')
  let missing: Failure | null = null
  const deleting: Ref[] = []
  for (const ref of refs) {
    try {
      const declaredBy = await declarerOf(session, ref)
      // Where there is a body, an API server does not look at the query.
      await session.client().request('DELETE', pathOfRef(ref), { body: dryRun ? { dryRun: ['All'] } : {} })
      deleting.push(ref)
      if (dryRun) say(session, ref, 'would be deleted')
      if (declaredBy !== null)
        session.terminal.err(`note: ${shownRef(ref)} is declared by ${declaredBy}: it is made anew unless you remove it there`)
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== EXIT.notFound) throw error
      missing = new Failure(
        EXIT.notFound,
        { what: `there is no ${shownRef(ref)}`, ...(error.text.where ? { where: error.text.where } : {}) },
        { reason: 'NotFound' },
      )
    }
  }
  if (!dryRun) for (const ref of deleting) await finish(session, ref, options)
  if (session.output === 'json') session.terminal.out(JSON.stringify({ deleted: deleting.map(refJson), dryRun }))
  if (missing) throw missing
  return EXIT.done
}

/** The file that declares it and will do so again; null: none. */
async function declarerOf(session: Session, ref: Ref): Promise<string | null> {
  const { annotations } = (await getObject(session.client(), ref)).metadata
  const mark = textOf(field(annotations, 'bothy.dev/declared-by'))
  if (mark === null) return null
  try {
    const { source, path, line } = JSON.parse(mark) as Readonly<Record<string, unknown>>
    return typeof path === 'string' ? `${path}${typeof line === 'number' ? `:${line}` : ''}` : String(source)
  } catch {
    return mark
  }
}

/** A workspace is gone when its infrastructure is; until then it is still there, with a deletionTimestamp. */
async function finish(session: Session, ref: Ref, options: Options): Promise<void> {
  // Commander names what `--no-wait` switches off.
  if (!options.flag('wait')) return say(session, ref, 'is being deleted')
  await waitFor(session, ref, goalOf('delete'), options.milliseconds('timeout') ?? 0)
  say(session, ref, 'deleted')
}

function say({ terminal, output }: Session, ref: Ref, what: string): void {
  if (output === 'name') terminal.out(`${ref.kind.singular}/${ref.name}`)
  else if (output === 'text') terminal.out(`${shownRef(ref)} ${what}`)
}

const refJson = ({ kind, namespace, name }: Ref) => ({ kind: kind.kind, namespace: kind.namespaced ? namespace : null, name })

function refsOf({ environment, namespace }: Session, args: readonly string[]): Ref[] {
  const [kind = '', ...names] = args
  if (kind === '' || kind.includes('/')) return args.map((arg) => refOf(arg, namespace))
  if (!kindOf(kind)) throw usage(`there is no kind "${kind}"`, `name the kind: ${environment.program} delete workspace ${args.join(' ')}`)
  return names.map((name) => refOf(`${kind}/${name}`, namespace))
}

/** The reverse of the order in which they were declared. */
async function refsOfFiles(session: Session, options: Options): Promise<Ref[]> {
  const files = options.list('file')
  if (files.length === 0) return []
  const { documents, problems } = await readGiven(files)
  // What cannot be read may name something that should go: half of it is not deleted.
  for (const problem of problems)
    throw new Failure(EXIT.refused, { what: problem.message, where: shownPlace(problem) }, { reason: 'InvalidYaml' })
  return documents.map((document) => refOfDocument(document, session.namespace)).toReversed()
}
