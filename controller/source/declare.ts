import { readDocuments, type Position, type SourceDocument } from '../../crds/documents.ts'
import { kindOf } from '../../crds/kinds.ts'
import { besideFile, outsideTemplates, templateFolderOf } from '../../crds/template-folders.ts'
import type { Draft } from '../cluster/port.ts'
import { keyOf, sha256, type Key } from '../kernel/names.ts'
import { atStart, type Problem } from './problem.ts'
import type { Scan, ScannedFile } from './scan.ts'
import { DECLARABLE_KINDS, isObject, type Stored } from './stored.ts'

/** What the files of a folder declare: pure, from their text and from what the folder declared before. */

export interface Declared {
  readonly key: Key
  readonly path: string
  readonly line: number
  readonly column: number
  readonly revision: string
  readonly draft: Draft
  /** Relative to the declared folder; it may lead out of it, which the reader of template folders refuses. */
  readonly templateFolder: string | null
  positionOf(field: string): Position
}

export interface Declarations {
  /** In order of path and line. The same key may be here twice. */
  readonly declared: readonly Declared[]
  /** Files that cannot be believed for now, and why: what they declared before stays. */
  readonly held: ReadonlyMap<string, Problem>
  readonly problems: readonly Problem[]
  /** YAML files that are read as declarations. */
  readonly files: number
}

interface ReadFile {
  readonly path: string
  readonly declared: readonly Declared[]
  readonly held: Problem | null
  readonly problems: readonly Problem[]
}

const DEFAULT_NAMESPACE = 'default'

export function declarationsOf(scan: Scan, stored: readonly Stored[]): Declarations {
  const unreadable = scan.problems.map((problem): ReadFile => ({ path: problem.path, declared: [], held: problem, problems: [] }))
  const all = [...scan.files.map((file) => readOne(file, stored)), ...unreadable]
  const files = outsideTemplates(all, (file) => templateFoldersOf(file, stored))
  const held = files.flatMap((file): [string, Problem][] => (file.held ? [[file.path, file.held]] : []))
  return {
    declared: files.flatMap((file) => (file.held ? [] : file.declared)),
    held: new Map(held),
    problems: [...held.map(([, problem]) => problem), ...files.flatMap((file) => (file.held ? [] : file.problems))],
    files: files.length,
  }
}

/** A file is believed whole or not at all: half of one may be half of what somebody is still writing. */
function readOne(file: ScannedFile, stored: readonly Stored[]): ReadFile {
  const held = (problem: Problem): ReadFile => ({ path: file.path, declared: [], held: problem, problems: [] })
  const { documents, problems } = readDocuments(file.text, file.path)
  const [broken] = problems
  if (broken) return held({ reason: 'InvalidYaml', path: file.path, line: broken.line, column: broken.column, message: broken.message })
  if (documents.length === 0 && stored.some(({ declaredBy }) => declaredBy.path === file.path)) {
    return held(atStart('InvalidYaml', file.path, EMPTY))
  }
  const read = documents.map((document) => declare(document, file.path))
  const nameless = read.find((each) => 'reason' in each && each.reason === 'InvalidObject')
  if (nameless && 'reason' in nameless) return held(nameless)
  return {
    path: file.path,
    declared: read.flatMap((each) => ('key' in each ? each : [])),
    held: null,
    problems: read.flatMap((each) => ('reason' in each ? each : [])),
  }
}

const EMPTY = 'the file declares nothing, so what it declared before is kept; delete the file to delete that'

function declare(document: SourceDocument, path: string): Declared | Problem {
  const { object } = document
  const wrong = (reason: Problem['reason'], field: string, message: string): Problem => ({
    reason,
    path,
    ...positionIn(document, field),
    message,
  })
  const { apiVersion, kind, metadata } = object
  if (typeof kind !== 'string' || kind === '') return wrong('InvalidObject', 'kind', 'kind is missing')
  if (typeof apiVersion !== 'string' || apiVersion === '') return wrong('InvalidObject', 'apiVersion', 'apiVersion is missing')
  if (!DECLARABLE_KINDS.includes(kind)) return wrong('NotDeclarable', 'kind', notDeclarable(kind))
  if (!isObject(metadata)) return wrong('InvalidObject', 'metadata', 'metadata is missing')
  const { name, namespace } = metadata
  if (typeof name !== 'string' || name === '') return wrong('InvalidObject', 'metadata.name', 'metadata.name is missing')
  if (namespace !== undefined && typeof namespace !== 'string') {
    return wrong('InvalidObject', 'metadata.namespace', 'metadata.namespace must be a string')
  }
  const place = kindOf(kind)?.namespaced === false ? {} : { namespace: namespace || DEFAULT_NAMESPACE }
  const draft: Draft = { ...object, apiVersion, kind, metadata: { ...metadata, name, ...place } }
  const folder = templateFolderOf(draft)
  return {
    key: keyOf(kind, place.namespace ?? '', name),
    path,
    line: document.line,
    column: document.column,
    revision: `sha256:${sha256(JSON.stringify(object))}`,
    draft,
    templateFolder: folder === null ? null : besideFile(path, folder),
    positionOf: (field) => positionIn(document, field),
  }
}

const positionIn = (document: SourceDocument, field: string): Position => {
  const { line, column } = document.positionOf(field)
  return { line, column }
}

const notDeclarable = (kind: string): string =>
  kind === 'WorkspaceRequest'
    ? 'a WorkspaceRequest is asked once and cannot be declared by a file: use bothy start, stop or restart'
    : `${kind} cannot be declared by a folder; it takes ${DECLARABLE_KINDS.join(', ')}`

/** Of a file that cannot be believed, what it declared before counts on. */
function templateFoldersOf(file: ReadFile, stored: readonly Stored[]): readonly string[] {
  if (!file.held) return file.declared.flatMap(({ templateFolder }) => templateFolder ?? [])
  return stored
    .filter(({ declaredBy }) => declaredBy.path === file.path)
    .flatMap(({ object }) => templateFolderOf(object) ?? [])
    .map((folder) => besideFile(file.path, folder))
}
