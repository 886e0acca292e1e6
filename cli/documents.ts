import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Documents, Position, SourceDocument } from '../crds/documents.ts'
import { besideFile, outsideTemplates, templateFolderOf } from '../crds/template-folders.ts'
import { messageOf } from '../controller/kernel/errors.ts'
import { EXIT, Failure, usage, type FailureCause } from './failure.ts'
import { field, textOf, type JsonRecord } from './json.ts'
import { kindNamed, type Ref } from './objects.ts'

/** The documents that `-f` names, with their places. */

export interface Place extends Position {
  readonly file: string
}

export interface Given {
  readonly place: Place
  readonly object: JsonRecord
  positionOf(path: string): Position
}

export interface Readings {
  readonly documents: readonly Given[]
  readonly problems: readonly (Place & { readonly message: string })[]
}

export async function readGiven(paths: readonly string[]): Promise<Readings> {
  if (paths.length === 0) throw usage('nothing to read is named', 'name a file, a folder or - with -f')
  // What reads YAML is most of what would be loaded: only whoever has files waits for it.
  const { DOCUMENT_BYTES_MAX, readDocuments } = await import('../crds/documents.ts')
  const read: ReadFile[] = []
  const problems: (Place & { readonly message: string })[] = []
  for (const path of paths) {
    const found = path === '-' ? await readPiped(DOCUMENT_BYTES_MAX) : await readPath(path)
    problems.push(...found.problems)
    const files = found.texts.map(({ file, path: within, text }) => ({ file, path: within, found: readDocuments(text, file) }))
    read.push(...outsideTemplates(files, templateFoldersIn))
  }
  return {
    documents: read.flatMap(({ file, found }) => found.documents.map((document) => givenOf(file, document))),
    problems: [...problems, ...read.flatMap(({ found }) => found.problems)],
  }
}

interface Named {
  readonly file: string
  /** The same, from where the folder that was named begins. */
  readonly path: string
}

interface ReadFile extends Named {
  readonly found: Documents
}

const templateFoldersIn = ({ path, found }: ReadFile): readonly string[] =>
  found.documents.flatMap(({ object }) => templateFolderOf(object) ?? []).map((folder) => besideFile(path, folder))

const givenOf = (file: string, document: SourceDocument): Given => ({
  place: { file, line: document.line, column: document.column },
  object: document.object,
  positionOf: (path) => document.positionOf(path),
})

interface Found {
  readonly texts: readonly (Named & { readonly text: string })[]
  readonly problems: Readings['problems']
}

async function readPath(path: string): Promise<Found> {
  const isFolder = await stat(path).then((found) => found.isDirectory(), unreadable(path))
  if (!isFolder)
    return { texts: [{ file: path, path: basename(path), text: await readFile(path, 'utf8').catch(unreadable(path)) }], problems: [] }
  const { scanFolder } = await import('../controller/source/scan.ts')
  const { unavailable, files, problems } = await scanFolder(path)
  if (unavailable !== null) return unreadable(path)(unavailable)
  if (files.length === 0 && problems.length === 0)
    throw new Failure(EXIT.notFound, { what: `${path} has no YAML files`, fix: 'name a folder with .yaml or .yml files' })
  return {
    texts: files.map(({ path: within, text }) => ({ file: join(path, within), path: within, text })),
    problems: problems.map(({ path: within, line, column, message }) => ({ file: join(path, within), line, column, message })),
  }
}

const unreadable =
  (path: string) =>
  (error: unknown): never => {
    throw new Failure(EXIT.notFound, {
      what: `${path} cannot be read`,
      where: messageOf(error),
      fix: 'name a file or folder that is there',
    })
  }

async function readPiped(bytesMax: number): Promise<Found> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    const data = Buffer.from(chunk)
    bytes += data.byteLength
    if (bytes > bytesMax) throw usage('what is piped in is too large', `at most ${bytesMax / 1024 / 1024} MiB`)
    chunks.push(data)
  }
  return { texts: [{ file: 'stdin', path: 'stdin', text: Buffer.concat(chunks).toString('utf8') }], problems: [] }
}

export const shownPlace = ({ file, line, column }: Place): string => `${file}:${line}:${column}`

/** The object a document means; a `Failure` at its place where it does not say. */
export function refOfDocument(given: Given, namespace: string): Ref {
  const { object } = given
  const missing = (path: string) => new Failure(EXIT.refused, { what: `${path} is missing`, where: shownPlace(placeIn(given, path)) })
  const kind = textOf(object['kind'])
  if (!kind) throw missing('kind')
  if (!textOf(object['apiVersion'])) throw missing('apiVersion')
  const name = textOf(field(object, 'metadata', 'name'))
  if (!name) throw missing('metadata.name')
  const known = knownKind(kind, placeIn(given, 'kind'))
  if (object['apiVersion'] !== known.apiVersion) {
    const where = shownPlace(placeIn(given, 'apiVersion'))
    throw new Failure(EXIT.refused, { what: `${kind} is of apiVersion ${known.apiVersion}, not ${textOf(object['apiVersion'])}`, where })
  }
  return { kind: known, namespace: textOf(field(object, 'metadata', 'namespace')) ?? namespace, name }
}

function knownKind(kind: string, place: Place) {
  try {
    return kindNamed(kind)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(EXIT.refused, { ...error.text, where: shownPlace(place) })
  }
}

export interface PlacedCause extends FailureCause {
  readonly place: Place
}

/** Where in the file each thing is that the server found wrong. */
export const placedCauses = (causes: readonly FailureCause[], given: Given): readonly PlacedCause[] =>
  causes.map((cause) => ({ ...cause, place: placeIn(given, cause.field) }))

export const placeIn = ({ place, positionOf }: Given, path: string): Place => ({ file: place.file, ...positionOf(path) })
