import { kindOf } from '../crds/kinds.ts'
import type { FailureCause } from './failure.ts'
import { field, isRecord, listOf, textOf } from './json.ts'
import { nearest, neighboursOf } from './nearest.ts'

export interface ToldCause extends FailureCause {
  /** The server's own words. */
  readonly said: string
}

/** What a server found wrong with an object, field by field, in words that say what to write instead. */
export function causesOf(answer: unknown): readonly ToldCause[] {
  const told = listOf(field(answer, 'details', 'causes')).flatMap(causeOf)
  // That rules were not looked at because of the other causes is nothing to mend.
  const causes = told.filter(({ field: path }) => path !== '<nil>' || told.length === 1)
  const message = textOf(field(answer, 'message')) ?? ''
  return firstOfEach([...causes, ...unknownFields(message), ...unreadableMetadata(message)])
}

function causeOf(value: unknown): ToldCause[] {
  if (!isRecord(value)) return []
  const text = (name: string) => textOf(value[name]) ?? ''
  // Conflicts are told with a path that begins with a dot.
  const said = text('message')
  const [, policy, path, denied] = text('field') === '' ? (DENIED.exec(said) ?? []) : []
  if (path !== undefined) return [{ reason: text('reason'), message: `${denied} (policy ${policy})`, said, field: path }]
  return [{ reason: text('reason'), message: plainly(said), said, field: text('field').replace(/^\./, '') }]
}

/** A policy names no field but in its sentence, where ours begin with it. */
const DENIED = /^ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request: ((?:spec|metadata)[.[][^ ]+): (.*)$/s

/** A value of the wrong shape breaks every rule about it: the first is the one to mend. */
const firstOfEach = (causes: readonly ToldCause[]): ToldCause[] =>
  causes.filter(({ field: path }, i) => causes.findIndex((other) => other.field === path) === i)

/** Strict servers name them in the sentence alone. */
function unknownFields(message: string): ToldCause[] {
  const schema = kindOf(/^(\w+) in version /.exec(message)?.[1] ?? '')?.schema ?? null
  return [...message.matchAll(/(?:unknown|duplicate) field "([^"]+)"/g)].flatMap(([said, path = '']) => {
    const meant = nearest(path.split('.').at(-1) ?? '', schema ? neighboursOf(schema, path) : [])
    const message = `there is no such field${meant === null ? '' : `; did you mean ${meant}?`}`
    return [{ reason: 'FieldValueInvalid', message, said, field: path }]
  })
}

/** Metadata is read before anything is validated, and what cannot be is told as Go says it. */
function unreadableMetadata(message: string): ToldCause[] {
  const [said, is = '', path, wanted] =
    /json: cannot unmarshal (\w+) into Go (?:struct field ObjectMeta\.([\w.]+) of type (\S+)|value of type v1\.ObjectMeta)/.exec(message) ??
    []
  if (said === undefined) return []
  const found = TYPES[is === 'bool' ? 'boolean' : is] ?? is
  const told = wanted === 'string' ? `${found} is no text: put it in quotes` : `${found} cannot stand here`
  return [{ reason: 'FieldValueTypeInvalid', message: told, said, field: ['metadata', path].filter(Boolean).join('.') }]
}

const NAME = 'lower-case letters, digits and -, beginning and ending with a letter or digit'
const LABEL_PATTERN = "should match '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'"

/** Sentences of the Kubernetes API server, and what they mean for whoever wrote the value. */
const SENTENCES: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [/^Required value$/, () => 'is missing'],
  [/of type string: "(integer|number|boolean)"$/, () => 'must be text: put it in quotes'],
  [/of type (\w+): "(\w+)"$/, ([, wanted = '', is = '']) => `must be ${TYPES[wanted] ?? wanted}, not ${TYPES[is] ?? is}`],
  [/^Invalid value: ("[^"]*"): a lowercase RFC 1123 /, ([, value]) => `${value} cannot be a name: write ${NAME}`],
  [/^Unsupported value: (.*): supported values: (.*)$/s, ([, value, all]) => `${value} is not offered; there is ${all}`],
  [/^conflict with "([^"]+)"/, ([, manager = '']) => `${manager} declares it otherwise`],
  // What a rule says of a value is a sentence of ours already.
  [/^Invalid value: "(?:string|object|array|integer|number|boolean)": (.*)$/s, ([, rule = '']) => rule],
]

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  null: 'nothing',
}

function plainly(message: string): string {
  if (message.endsWith(LABEL_PATTERN))
    return `${/^Invalid value: ("[^"]*")/.exec(message)?.[1] ?? 'it'} cannot be a name: write ${NAME}, at most 63`
  for (const [pattern, say] of SENTENCES) {
    const match = pattern.exec(message)
    if (match) return say(match)
  }
  return message
}
