import { isJsonObject } from '../../../crds/schema/types.ts'

/**
 * What two answers have in common when that is put aside which each server makes up by itself. A version is called by the order
 * in which a scenario has seen it, so "the same as before" and "another one" stay what they are.
 */
export interface Names {
  /** Texts that are known by another name: the namespace, what earlier steps kept. */
  readonly known: Map<string, string>
  readonly versions: Map<string, string>
  readonly uids: Map<string, string>
  /** Names that a server has made of a beginning. */
  readonly generated: Set<RegExp>
}

export const newNames = (): Names => ({ known: new Map(), versions: new Map(), uids: new Map(), generated: new Set() })

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
const NOW = /\b(20[3-9]\d|202[6-9])-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g
/** The whole object, as a patch would have left it: the words are behind it. */
const WHOLE_OBJECT = /Invalid value: "\{.*\}": (?=strict decoding error|json: |Object 'Kind')/gs
/** The same, where it has no kind any more. */
const OBJECT_WITHOUT_KIND = /(?<=is missing in ')\{.*\}(?=')/gs
/** In every second refusal, always the same. */
const SKIPPED = 'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'
/** As long as may be, and a bit more: how long is all there is to say. */
const LONG = /(.)\1{39,}/gsu
/** Where a server says which version it has by now. */
const PRESENT = /(, current: |ResourceVersion in record \()\d+/g
const VERSIONED = /([Vv]ersion[^:\d"]{0,40}: ?"?)(\d+)/g

export function normal(value: unknown, names: Names): unknown {
  if (Array.isArray(value)) return value.map((item) => normal(item, names))
  if (typeof value === 'string') return text(value, names)
  if (!isJsonObject(value)) return value
  const isMany = Array.isArray(value['items'])
  return withoutRepeats(
    Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([name, item]): [string, unknown][] => {
          if (name === 'metadata' && isJsonObject(item)) return [[name, metadata(item, isMany, names)]]
          if (name === 'message' && typeof item === 'string') return [[name, sortedSentence(text(item, names))]]
          if (name === 'causes' && Array.isArray(item)) return [[name, asSet(normal(item, names))]]
          return [[text(name, names), normal(item, names)]]
        }),
    ),
  )
}

/** The message of a refusal repeats its causes; where it says just that, they are enough. */
function withoutRepeats(value: Readonly<Record<string, unknown>>): unknown {
  const { message, details } = value
  const causes = isJsonObject(details) ? details['causes'] : null
  if (typeof message !== 'string' || !Array.isArray(causes)) return value
  const [before = '', rest] = message.split(/(?<=is invalid: )(.*)/s)
  if (rest === undefined) return value
  const said = causes.map((cause) => (isJsonObject(cause) ? `${String(cause['field'])}: ${String(cause['message'])}` : ''))
  const wanted = said.length === 1 ? said.join('') : sortedSentence(`is invalid: [${said.join(', ')}]`).slice('is invalid: '.length)
  return rest === wanted ? { ...value, message: `${before}<its causes>` } : value
}

function metadata(value: Readonly<Record<string, unknown>>, isMany: boolean, names: Names): unknown {
  const { managedFields: _, resourceVersion, continue: next, ...rest } = value
  const { name, generateName, annotations } = value
  // A list and the end of a beginning say how far the server is, which nobody has written.
  const isState = isMany || (isJsonObject(annotations) && 'k8s.io/initial-events-end' in annotations)
  if (typeof generateName === 'string' && typeof name === 'string' && name.startsWith(generateName) && name.length > generateName.length)
    names.known.set(name, `${generateName}<random>`)
  return {
    ...(normal(rest, names) as object),
    ...(resourceVersion === undefined
      ? {}
      : { resourceVersion: isState || resourceVersion === '' ? '<version>' : version(String(resourceVersion), names) }),
    ...(next === undefined || next === '' ? {} : { continue: '<token>' }),
  }
}

function version(given: string, { versions }: Names): string {
  if (!versions.has(given)) versions.set(given, `<version ${versions.size + 1}>`)
  return versions.get(given) ?? ''
}

function text(given: string, names: Names): string {
  let out = given
  for (const [from, to] of names.known) out = out.replaceAll(from, to)
  for (const prefix of names.generated) out = out.replaceAll(prefix, '<generated>')
  return out
    .replace(UUID, (uid) => {
      // A uid that a step has written itself is the same everywhere.
      if (/^0{8}-/.test(uid)) return uid
      if (!names.uids.has(uid)) names.uids.set(uid, `<uid ${names.uids.size + 1}>`)
      return names.uids.get(uid) ?? ''
    })
    .replace(LONG, (run: string, one: string) => `${one}<${[...run].length} times>`)
    .replace(SKIPPED, '<rules were not asked>')
    .replace(NOW, '<now>')
    .replace(WHOLE_OBJECT, 'Invalid value: "patch": ')
    .replace(OBJECT_WITHOUT_KIND, '<the object>')
    .replace(PRESENT, '$1<version>')
    .replace(VERSIONED, (whole: string, before: string, found: string) =>
      names.versions.has(found) ? `${before}${version(found, names)}` : whole,
    )
}

/** In no order, and each once: a server may look at the same thing twice. */
const asSet = (items: unknown): unknown =>
  Array.isArray(items) ? [...new Set(items.map((item) => JSON.stringify(item)))].toSorted().map((item): unknown => JSON.parse(item)) : items

/** A server that goes through a map in no order says so: what is wrong is a set. */
function sortedSentence(sentence: string): string {
  const listed = /^(?<before>.*?is invalid: )\[(?<list>.*)\]$/s.exec(sentence)?.groups
  if (!listed) return sentence
  return `${listed['before']}[${(listed['list'] ?? '').split(', ').toSorted().join(', ')}]`
}
