import type { NormalisedTemplate } from '../../crds/files.ts'
import { contains } from '../../crds/template-folders.ts'
import type { Cluster, Writer } from '../cluster/port.ts'
import type { Clock } from '../kernel/clock.ts'
import { isRefused, messageOf, Stalled, type Refused } from '../kernel/errors.ts'
import { keyOf, splitKey, type Key } from '../kernel/names.ts'
import { declarationsOf, type Declarations, type Declared } from './declare.ts'
import { planOf, type Apply, type Plan, type TemplateContent } from './diff.ts'
import { atStart, problemText, shown, type Problem } from './problem.ts'
import { scanFolder } from './scan.ts'
import { ANNOTATION, readStored, storedOf, type Stored } from './stored.ts'
import { readTemplateFolder } from './template-folder.ts'
import { whatToKeep } from './keep.ts'

/** One look at the whole folder, and everything that follows from it. */

export interface PassPorts {
  readonly root: string
  readonly cluster: Cluster
  readonly clock: Clock
  readonly writer: Writer & { readonly declarer: string }
  /** Stores a template's files under their digest. */
  keep(template: NormalisedTemplate): Promise<void>
  /** Since when an object is declared by no file any more; kept from pass to pass. */
  readonly missingSince: Map<Key, number>
}

export interface Outcome {
  readonly files: number
  /** Keys that the folder declares now. */
  readonly declared: ReadonlySet<Key>
  readonly problems: readonly Problem[]
  /** One line for each thing that was changed. */
  readonly changes: readonly string[]
  /** Why nothing is pruned at all; null where pruning is as usual. */
  readonly prunesNothing: string | null
  /** What this folder declared and is still there. */
  readonly left: number
  /** Declared by other sources: not this folder's to touch. */
  readonly others: readonly Stored[]
  /** Something is not settled that no change of a file will tell. */
  readonly again: boolean
}

/** An editor that saves by removing and writing again must not cost anybody a workspace. */
const MISSING_MS = 300

export async function pass(ports: PassPorts): Promise<Outcome> {
  const scan = await scanFolder(ports.root)
  const all = await readStored(ports.cluster)
  const isOurs = ({ declaredBy }: Stored) => declaredBy.source === ports.writer.declarer
  const stored = all.filter(isOurs)
  const declarations = declarationsOf(scan, stored)
  const contents = await readContents(ports, declarations)
  const plan = planOf({ declarer: ports.writer.declarer, declarations, contents, stored })

  const changes: string[] = []
  const problems = [...plan.problems]
  const errors = new Map(plan.errors)
  const current = new Map(stored.map((each) => [each.key, each]))
  await makeNamespaces(ports, plan)
  for (const each of inOrder(plan.apply)) {
    const applied = await applyOne(ports, each)
    if ('reason' in applied) {
      problems.push(applied)
      errors.set(each.declared.key, problemText(applied))
    } else {
      changes.push(changeLine(each))
      current.set(applied.key, applied)
    }
  }
  const kept = await whatToKeep(ports.cluster, plan.prune, problems)
  for (const { key, problem } of kept) {
    if (!problems.includes(problem)) problems.push(problem)
    errors.set(key, problemText(problem))
  }
  for (const each of current.values()) await markError(ports, each, errors.get(each.key) ?? null)

  const keptKeys = new Set(kept.map(({ key }) => key))
  const missing = plan.prune.filter(({ key, object }) => !keptKeys.has(key) && object.metadata.deletionTimestamp === undefined)
  const prunesNothing = reasonToPruneNothing(ports.root, scan.unavailable, scan.complete, declarations)
  const pruned = prunesNothing === null ? await prune(ports, missing) : []
  changes.push(...pruned.map((each) => `${shown(each.key)} removed: no file declares it any more`))
  return {
    files: declarations.files,
    declared: plan.declared,
    problems,
    changes,
    prunesNothing,
    left: stored.length - pruned.length,
    others: all.filter((each) => !isOurs(each)),
    again: prunesNothing === null && pruned.length < missing.length,
  }
}

async function readContents(ports: PassPorts, { declared }: Declarations): Promise<ReadonlyMap<string, TemplateContent>> {
  const contents = new Map<string, TemplateContent>()
  for (const { templateFolder, path } of declared) {
    if (templateFolder !== null && !contents.has(templateFolder))
      contents.set(templateFolder, await readContent(ports, templateFolder, path))
  }
  return contents
}

async function readContent(ports: PassPorts, folder: string, path: string): Promise<TemplateContent> {
  try {
    if (contains(folder, path)) throw new Stalled('FolderUnavailable', 'a template cannot have the folder that its own file is in')
    const template = await readTemplateFolder(ports.root, folder)
    await ports.keep(template)
    return { digest: template.digest, problem: null }
  } catch (error) {
    if (error instanceof Stalled) return { digest: null, problem: atStart(error.reason, path, error.message) }
    throw error
  }
}

const reasonToPruneNothing = (root: string, unavailable: string | null, complete: boolean, { files }: Declarations): string | null => {
  if (unavailable !== null) return `${root} cannot be read (${unavailable})`
  if (files === 0) return `${root} has no YAML files`
  return complete ? null : `${root} could not be read completely`
}

async function makeNamespaces({ cluster, writer }: PassPorts, plan: Plan): Promise<void> {
  const wanted = new Set(plan.apply.flatMap(({ declared }) => declared.draft.metadata.namespace ?? []))
  for (const name of wanted) {
    if (plan.declared.has(keyOf('Namespace', '', name)) || (await cluster.get('Namespace', '', name))) continue
    try {
      await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, { manager: writer.manager, user: writer.user })
    } catch (error) {
      // Not a name for a namespace: the object in it is refused with the same words, at its own line.
      if (!isRefused(error, 'AlreadyExists', 'Invalid')) throw error
    }
  }
}

/** A namespace before what is in it. */
const inOrder = (apply: readonly Apply[]): readonly Apply[] =>
  apply.toSorted((a, b) => Number(b.declared.draft.kind === 'Namespace') - Number(a.declared.draft.kind === 'Namespace'))

async function applyOne({ cluster, writer }: PassPorts, { declared, declaredBy, sourceDigest }: Apply): Promise<Stored | Problem> {
  const { draft } = declared
  const annotations = {
    ...draft.metadata.annotations,
    [ANNOTATION.declaredBy]: declaredBy,
    ...(sourceDigest === null ? {} : { [ANNOTATION.sourceDigest]: sourceDigest }),
  }
  try {
    const applied = storedOf(
      await cluster.apply({ ...draft, metadata: { ...draft.metadata, annotations } }, writer, { fieldValidation: 'Strict' }),
    )
    if (!applied) throw new Error(`${declared.key} was applied without saying who declares it`)
    return applied
  } catch (error) {
    if (!isRefused(error, 'Invalid', 'BadRequest', 'Forbidden', 'Conflict', 'NotFound', 'AlreadyExists', 'RequestEntityTooLarge'))
      throw error
    return refusedAt(error, declared)
  }
}

function refusedAt(error: Refused, declared: Declared): Problem {
  const { path } = declared
  if (error.reason === 'Conflict') {
    const isAdopted = error.details.causes?.some(({ reason }) => reason === 'Adopted') === true
    const fix = isAdopted ? '' : '; to let this folder have it, bothy delete it there, or give this folder a --state of its own'
    const message = error.message + fix
    return { reason: 'DeclaredElsewhere', path, line: declared.line, column: declared.column, message, about: declared.key }
  }
  // That rules were not looked at because of the other causes is nothing to mend.
  const causes = (error.details.causes ?? []).filter(({ field }, _, all) => field !== '<nil>' || all.length === 1)
  const field = causes[0]?.field ?? /unknown field "([^"]+)"|duplicate field "([^"]+)"/.exec(error.message)?.slice(1).find(Boolean) ?? ''
  const message = causes[0] ? `${field}: ${causes[0].message}${causes.length > 1 ? ` (and ${causes.length - 1} more)` : ''}` : error.message
  return { reason: 'InvalidObject', path, ...declared.positionOf(field), message }
}

const changeLine = ({ declared: { key, path, line }, before }: Apply): string =>
  `${shown(key)} ${before ? 'changed' : 'declared'} by ${path}:${line}`

async function markError({ cluster, writer }: PassPorts, { key, sourceError }: Stored, wanted: string | null): Promise<void> {
  if (sourceError === wanted) return
  const { kind, namespace, name } = splitKey(key)
  try {
    await cluster.patch(kind, namespace, name, { metadata: { annotations: { [ANNOTATION.sourceError]: wanted } } }, writer)
  } catch (error) {
    // Gone, or somebody else's, since it was read.
    if (!isRefused(error, 'NotFound', 'Conflict')) throw error
  }
}

/** Removes what has been missing for a moment, and remembers since when the rest has been. */
async function prune({ cluster, writer, clock, missingSince }: PassPorts, missing: readonly Stored[]): Promise<readonly Stored[]> {
  const now = clock.elapsedMs()
  const keys = new Set(missing.map(({ key }) => key))
  for (const key of missingSince.keys()) if (!keys.has(key)) missingSince.delete(key)
  const pruned: Stored[] = []
  for (const each of missing.toReversed()) {
    const since = missingSince.get(each.key) ?? now
    missingSince.set(each.key, since)
    if (now - since < MISSING_MS) continue
    missingSince.delete(each.key)
    await remove(cluster, writer, each)
    pruned.push(each)
  }
  return pruned
}

async function remove(cluster: Cluster, writer: Writer, { key, object }: Stored): Promise<void> {
  const { kind, namespace, name } = splitKey(key)
  try {
    await cluster.delete(kind, namespace, name, writer, { uid: object.metadata.uid })
  } catch (error) {
    if (!isRefused(error, 'NotFound', 'Conflict')) throw new Error(`removing ${shown(key)}: ${messageOf(error)}`, { cause: error })
  }
}
