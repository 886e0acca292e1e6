import { isJsonObject } from '../../crds/schema/types.ts'
import type { Kind } from '../../crds/kinds.ts'
import { Refused } from '../kernel/errors.ts'
import { equal } from '../../crds/schema/equal.ts'
import type { Draft, Resource, Writer } from './port.ts'
import { forbidden } from './refusals.ts'

/**
 * One declarer an object. A source marks what it declares; then its file is where the spec is changed, and everybody else
 * is told so. An object that nobody's file declares may be taken by the first file that does. Pure.
 */

type Metadata = Draft['metadata']
type Strings = Readonly<Record<string, string>>

export const DECLARED_BY = 'bothy.dev/declared-by'
/** Somebody took it over by hand: while this is there, a file that still declares it does not take it back. */
const ADOPTED = 'bothy.dev/adopted'

/** Set by sources, never by people. */
const OF_SOURCES: ReadonlySet<string> = new Set([DECLARED_BY, 'bothy.dev/source-digest', 'bothy.dev/source-error'])
/** Asked by anybody, whoever declares the object. */
const FREE: ReadonlySet<string> = new Set(['bothy.dev/reconcile', 'bothy.dev/paused', 'bothy.dev/abandon'])
const RESERVED = 'bothy.dev/'

/** What a file says of an object, besides labels and annotations. Objects have some of these. */
const DECLARED = ['spec', 'data', 'binaryData', 'immutable', 'type'] as const

export interface Declaration {
  readonly source: string
  readonly path: string
  readonly line: number | null
}

export function declarationOf(metadata: { readonly annotations?: Strings }): Declaration | null {
  const text = metadata.annotations?.[DECLARED_BY]
  if (text === undefined) return null
  const mark = parsed(text)
  if (!isJsonObject(mark) || typeof mark['source'] !== 'string') return { source: text, path: '', line: null }
  const { path, line } = mark
  return { source: mark['source'], path: typeof path === 'string' ? path : '', line: typeof line === 'number' ? line : null }
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return null
  }
}

export function describeDeclaration({ source, path, line }: Declaration): string {
  const place = [path, line].filter((part) => part !== '' && part !== null).join(':')
  return place === '' ? source : `${place} of ${source}`
}

/** A source is told who else keeps the object: another source, or somebody who adopted it. */
export function refuseSecondDeclarer({ kind, plural, singular, group }: Kind, { metadata }: Resource, { declarer }: Writer): void {
  if (declarer === undefined) return
  const { name, annotations } = metadata
  const declared = declarationOf(metadata)
  if (declared ? declared.source === declarer : annotations?.[ADOPTED] !== 'true') return
  const details = { kind: plural, group, name }
  if (declared) throw new Refused('Conflict', `${kind} "${name}" is declared by ${describeDeclaration(declared)}`, details)
  const fix = `take it out of the file, or run \`bothy adopt ${singular}/${name} --undo\``
  const causes = [{ reason: 'Adopted', field: 'metadata.annotations', message: `${ADOPTED} is true` }]
  throw new Refused('Conflict', `${kind} "${name}" was adopted and is kept by hand: ${fix}`, { ...details, causes })
}

/** What a person may not change about an object: what its file says of a declared one, and what sources write. */
export function refuseForeignChange(kind: Kind, old: Resource | null, next: Resource, writer: Writer): void {
  if (writer.declarer !== undefined) return
  const name = next.metadata.name
  const changed = changedNames(old?.metadata.annotations, next.metadata.annotations)
  const declared = old ? declarationOf(old.metadata) : null
  const adopted = declared !== null && next.metadata.annotations?.[DECLARED_BY] === undefined
  const part = declared ? DECLARED.find((each) => !equal(old?.[each], next[each])) : undefined
  if (declared && part !== undefined) throw foreignPart(kind, name, part, declared)
  if (adopted) return
  const mark = changed.find((annotation) => OF_SOURCES.has(annotation))
  if (mark) throw forbidden(kind, name, `annotation ${mark} is set by the source that declares an object, never by hand`)
  if (!declared) return
  const labels = changedNames(old?.metadata.labels, next.metadata.labels)
  const reserved = [...changed, ...labels].find((each) => each.startsWith(RESERVED) && !FREE.has(each))
  if (reserved) throw forbidden(kind, name, `${reserved} is declared by ${describeDeclaration(declared)}: edit that file`)
}

function foreignPart(kind: Kind, name: string, part: string, declared: Declaration): Refused {
  const where = describeDeclaration(declared)
  return forbidden(
    kind,
    name,
    `its ${part} is declared by ${where}: edit that file, or run \`bothy adopt ${kind.singular}/${name}\` and keep it by hand from then on`,
  )
}

function changedNames(old: Strings = {}, next: Strings = {}): string[] {
  return [...new Set([...Object.keys(old), ...Object.keys(next)])].filter((name) => old[name] !== next[name])
}

/** Somebody who writes a whole object and does not know the marks of its source leaves them as they are. */
export function withMarksOf(old: Resource, given: Metadata, writer: Writer): Metadata {
  if (writer.declarer !== undefined) return given
  const marks = Object.entries(old.metadata.annotations ?? {}).filter(([name]) => OF_SOURCES.has(name))
  return marks.length === 0 ? given : { ...given, annotations: { ...Object.fromEntries(marks), ...given.annotations } }
}

/** Adopting takes every mark of the source off together, or a digest without its folder would stay. */
export function withoutOrphanedMarks(old: Resource, given: Metadata): Metadata {
  const adopted = old.metadata.annotations?.[DECLARED_BY] !== undefined && given.annotations?.[DECLARED_BY] === undefined
  if (!adopted || !given.annotations) return given
  return { ...given, annotations: Object.fromEntries(Object.entries(given.annotations).filter(([name]) => !OF_SOURCES.has(name))) }
}
