import { EXIT } from './failure.ts'
import { field, textOf } from './json.ts'
import { knownObject } from './known-object.ts'
import { inOrder, objectOf, pathOfRef, refOf, shownRef, type ApiObject, type Ref } from './objects.ts'
import type { Run, Session } from './session.ts'

/** `adopt workspace/dev`: what a file declares is kept by hand from then on; `--undo` gives it back to the file. */

const DECLARED_BY = 'bothy.dev/declared-by'
const ADOPTED = 'bothy.dev/adopted'

export const run: Run = async (session, args, options) => {
  const ref = refOf(args[0] ?? '', session.namespace)
  const before = await knownObject(session, ref)
  const dryRun = options.flag('dryRun')
  const undo = options.flag('undo')
  const [said, wanted] = undo ? givenBack(before) : adopted(before)
  const after = wanted ? await annotate(session, ref, wanted, dryRun) : before
  if (session.output === 'json') session.terminal.out(JSON.stringify(inOrder(after), null, 2))
  else session.terminal.out(`${shownRef(ref)} ${said}${wanted && dryRun ? ' (dry run)' : ''}`)
  if (wanted && !undo && readsFolder(before))
    session.terminal.err('note: only a file can declare a template of a folder; give it another source, or nothing can be built from it')
  return EXIT.done
}

type Annotations = Readonly<Record<string, string | null>>
type Step = readonly [said: string, wanted: Annotations | null]

const annotation = (object: ApiObject, name: string): string | null => textOf(field(object, 'metadata', 'annotations', name))

/** The mark keeps every folder and repository off, also one that still declares it. */
function adopted(object: ApiObject): Step {
  const declaredBy = annotation(object, DECLARED_BY)
  if (declaredBy !== null)
    return [`is kept by hand from now on; ${placeOf(declaredBy)} no longer changes it`, { [DECLARED_BY]: null, [ADOPTED]: 'true' }]
  return [annotation(object, ADOPTED) === 'true' ? 'is kept by hand already' : 'is declared by no file: it is kept by hand already', null]
}

const givenBack = (object: ApiObject): Step =>
  annotation(object, ADOPTED) === null
    ? ['was not adopted', null]
    : ['may be declared by a file again, and is as that file says within a minute', { [ADOPTED]: null }]

function placeOf(declaredBy: string): string {
  try {
    const mark: unknown = JSON.parse(declaredBy)
    return `${textOf(field(mark, 'path')) ?? 'its file'} of ${textOf(field(mark, 'source')) ?? 'its source'}`
  } catch {
    return declaredBy
  }
}

const readsFolder = (object: ApiObject): boolean => object.kind === 'Template' && field(object, 'spec', 'source', 'type') === 'Folder'

async function annotate(session: Session, ref: Ref, annotations: Annotations, dryRun: boolean): Promise<ApiObject> {
  return objectOf(
    await session.client().request('PATCH', pathOfRef(ref), {
      query: { fieldManager: 'bothy-cli', dryRun: dryRun ? 'All' : undefined },
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations } },
    }),
  )
}
