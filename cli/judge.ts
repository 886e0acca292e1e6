import { refusalOf } from '../controller/cluster/verdict.ts'
import { API_VERSION, GROUP, KINDS, type Kind } from '../crds/kinds.ts'
import { causesOf } from './causes.ts'
import { placeIn, type Given } from './documents.ts'
import type { Finding } from './findings.ts'
import { field, isRecord, textOf, type JsonRecord } from './json.ts'
import { nearest } from './nearest.ts'
import type { Ref } from './objects.ts'

/** What is to be said of one document, without any server. */
export interface Judged {
  readonly given: Given
  /** null where it is not ours to judge, or does not say which object it means. */
  readonly ref: Ref | null
  readonly findings: readonly Finding[]
  /** `Deployment (apps/v1)`: a kind of others, of which nothing is known here; null: it was judged. */
  readonly foreign: string | null
}

/** Events happen; nobody writes them. */
const JUDGED: readonly Kind[] = KINDS.filter(({ kind }) => kind !== 'Event')

export function judge(given: Given, namespace: string): Judged {
  const { object } = given
  const [apiVersion, name] = [textOf(object['apiVersion']), textOf(object['kind'])]
  const wrong = (path: string, message: string): Judged => {
    const finding = { place: placeIn(given, path), ref: null, field: path, message, reason: 'InvalidObject', said: '' }
    return { given, ref: null, findings: [finding], foreign: null }
  }
  const isObject = ['apiVersion', 'kind', 'metadata'].some((key) => Object.hasOwn(object, key))
  if (!isObject) return { given, ref: null, findings: [], foreign: 'no Kubernetes object' }
  if (!name) return wrong('kind', missing(object['kind']))
  if (!apiVersion) return wrong('apiVersion', missing(object['apiVersion']))
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
  const kind = JUDGED.find((each) => each.kind === name && each.group === group)
  if (!kind)
    return group === GROUP ? wrong('kind', unknownKind(name)) : { given, ref: null, findings: [], foreign: `${name} (${apiVersion})` }
  if (apiVersion !== kind.apiVersion) return wrong('apiVersion', `${name} is of apiVersion ${kind.apiVersion}, not ${apiVersion}`)
  const ref = refOf(kind, object, namespace)
  return { given, ref, findings: findingsOf(given, ref), foreign: null }
}

const missing = (value: unknown): string => (value === undefined || value === null || value === '' ? 'is missing' : 'must be text')

function unknownKind(name: string): string {
  const ours = JUDGED.filter(({ group }) => group === GROUP).map(({ kind }) => kind)
  const meant = nearest(name, ours)
  return `there is no kind "${name}" in ${API_VERSION}; ${meant === null ? `there is ${ours.join(', ')}` : `did you mean ${meant}?`}`
}

function refOf(kind: Kind, object: JsonRecord, namespace: string): Ref | null {
  const metadata = object['metadata']
  const name = textOf(field(metadata, 'name'))
  const beginning = textOf(field(metadata, 'generateName'))
  if (!name && !beginning) return null
  return { kind, namespace: textOf(field(metadata, 'namespace')) || namespace, name: name || `${beginning}*` }
}

function findingsOf(given: Given, ref: Ref | null): readonly Finding[] {
  const refusal = refusalOf(inNamespace(given.object, ref))
  if (refusal === null) return []
  const { message, details, reason } = refusal
  const causes = causesOf({ message, details })
  if (causes.length === 0) return [{ place: given.place, ref, field: '', message, reason, said: message }]
  return causes.map(({ field: path, message: told, reason: why, said }) => ({
    place: placeIn(given, path),
    ref,
    field: path,
    message: told,
    reason: why,
    said,
  }))
}

/** As whoever sends it would: with the namespace it is sent to. */
function inNamespace(object: JsonRecord, ref: Ref | null): JsonRecord {
  const metadata = object['metadata']
  return ref?.kind.namespaced && isRecord(metadata) ? { ...object, metadata: { ...metadata, namespace: ref.namespace } } : object
}
