import { placeIn, shownPlace } from './documents.ts'
import type { Finding } from './findings.ts'
import { field, textOf } from './json.ts'
import type { Judged } from './judge.ts'
import { nearest } from './nearest.ts'
import type { Ref } from './objects.ts'

/**
 * What the documents that were given together say of each other: a name that none of them declares, and an object that two of them
 * do. Each may be as somebody wants it, where the rest lies elsewhere; `isAll` says that there is no elsewhere.
 */
export function referenceFindings(judged: readonly Judged[], isAll: boolean): readonly Finding[] {
  const declared = judged.flatMap(({ given, ref }) => (ref ? [{ given, ref }] : []))
  const first = new Map<string, (typeof declared)[number]>()
  const twice = declared.flatMap(({ given, ref }): Finding[] => {
    const before = first.get(keyOf(ref))
    if (!before) first.set(keyOf(ref), { given, ref })
    const message = before && `is declared twice; also at ${shownPlace(before.given.place)}`
    return message === undefined || ref.name.endsWith('*') ? [] : [finding('DeclaredElsewhere', given, ref, 'metadata.name', message)]
  })
  const kinds = new Set(declared.map(({ ref }) => ref.kind.kind))
  const names = [...first.values()].map(({ ref }) => ref)
  const missing = declared.flatMap(({ given, ref }) =>
    NAMED.flatMap(({ by, path, kind, reason }): Finding[] => {
      const name = ref.kind.kind === by ? textOf(field(given.object, ...path)) : null
      // Where nothing of a kind is given, all of them lie elsewhere.
      if (!name || (!isAll && !kinds.has(kind)) || first.has(`${kind}/${ref.namespace}/${name}`)) return []
      const offered = names.filter((each) => each.kind.kind === kind && each.namespace === ref.namespace).map((each) => each.name)
      const meant = nearest(name, offered)
      const message = `no document here declares ${kind.toLowerCase()}/${name}${meant === null ? '' : `; did you mean ${meant}?`}`
      return [finding(reason, given, ref, path.join('.'), message)]
    }),
  )
  return [...twice, ...missing]
}

/** Which kinds name an object of which other one, in their own namespace. What is in a Secret is rarely declared in a file. */
const NAMED = [
  { by: 'Workspace', path: ['spec', 'template', 'name'], kind: 'Template', reason: 'TemplateMissing' },
  { by: 'Template', path: ['spec', 'source', 'configMap', 'name'], kind: 'ConfigMap', reason: 'SourceMissing' },
] as const

const keyOf = ({ kind, namespace, name }: Ref): string => `${kind.kind}/${kind.namespaced ? namespace : ''}/${name}`

const finding = (reason: string, given: Judged['given'], ref: Ref, path: string, message: string): Finding => ({
  place: placeIn(given, path),
  ref,
  field: path,
  message,
  reason,
  said: '',
})

/** A name that a hundred documents use is told once, where it stands first. */
export function toldOnce(findings: readonly Finding[]): readonly Finding[] {
  const same = Map.groupBy(findings, ({ message }) => message)
  return [...same.values()].flatMap(([first, ...more]) =>
    first ? [more.length === 0 ? first : { ...first, message: `${first.message} (and ${more.length} more)` }] : [],
  )
}
