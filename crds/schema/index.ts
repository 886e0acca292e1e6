import { Refused } from '../../controller/kernel/errors.ts'
import type { Kind } from '../kinds.ts'
import type { DraftMeta, ObjectMeta } from '../meta.ts'
import { blocksRules, refusedInvalid, RULES_SKIPPED, type Issue } from './causes.ts'
import { fieldBefore, type Before } from './correlate.ts'
import { decode } from './decode.ts'
import { listIssues } from './lists.ts'
import { decodeMeta } from './metadata.ts'
import { finalizerWarnings, metaIssues } from './metadata-rules.ts'
import { hasRules, ruleIssues } from './rules.ts'
import { structuralIssues } from './structural.ts'
import { isJsonObject, own, type JsonObject, type Schema } from './types.ts'

/**
 * What a Kubernetes API server does to an object before it stores it, without one. Pure: no clock, no I/O.
 *
 *   admit(kind, draft, null)                              create
 *   admit(kind, draft, old)                               replace; status stays the old one
 *   admit(kind, draft, old, { subresource: 'status' })    everything but status stays the old one
 *
 * Answers `{ object, warnings, unknown }`: decoded (unknown fields and nulls gone, defaults there), frozen by nobody, sharing
 * nothing with the draft. Throws `Refused('Invalid', …, { causes })` with the field of each cause, or `Refused('BadRequest')`.
 * Metadata is decoded and its form validated; what the server sets (uid, versions, generation) is the caller's business.
 *
 *   parseJson(text)                                       of parse.ts: a body, and the paths of fields given twice
 *   readStored(kind, object)                              the same decoding for what was stored under an older definition
 */
export interface AdmitOptions {
  readonly subresource?: 'status'
  /** What to do with fields the schema does not know. Default Warn. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore'
  /** Patches are refused in other words than whole objects. */
  readonly patch?: boolean
  /** Paths of fields that the body gave twice, as `parseJson` found them: told or refused as unknown ones are. */
  readonly duplicates?: readonly string[]
}

export interface AdmittedObject extends JsonObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: DraftMeta & Partial<Omit<ObjectMeta, keyof DraftMeta>>
  readonly spec?: unknown
  readonly status?: unknown
  readonly data?: unknown
  readonly binaryData?: unknown
}

export interface Admitted {
  readonly object: AdmittedObject
  readonly warnings: readonly string[]
  /** Paths of fields that were dropped. */
  readonly unknown: readonly string[]
}

export function admit(kind: Kind, draft: unknown, old: unknown, options: AdmitOptions = {}): Admitted {
  const decoded = decodeObject(kind, draft)
  const warnings = strictWarnings(kind, decoded, options)
  const before = old === null || old === undefined ? null : { value: decodeObject(kind, old).object }
  const object = isolated(kind, before ? decoded.object : undying(decoded.object), before, options)
  const { issues, warnings: ratcheted } = issuesOf(kind, object, before, options)
  if (issues.length > 0) throw refusedInvalid(kind, nameOf(object), issues)
  return { object: asAdmitted(kind, object), warnings: [...warnings, ...ratcheted], unknown: decoded.unknown }
}

/** Decodes what was stored, perhaps under an older definition: new defaults come, fields that left the schema go. */
export const readStored = (kind: Kind, stored: unknown): AdmittedObject => asAdmitted(kind, decodeObject(kind, stored).object)

interface DecodedObject {
  readonly object: JsonObject
  readonly unknown: readonly string[]
}

function decodeObject(kind: Kind, draft: unknown): DecodedObject {
  if (!isJsonObject(draft)) throw new Refused('BadRequest', `a ${kind.kind} must be an object`)
  const apiVersion = own(draft, 'apiVersion')
  const name = own(draft, 'kind')
  if (apiVersion !== kind.apiVersion || name !== kind.kind) {
    const given = `${String(apiVersion)}, Kind=${String(name)}`
    throw new Refused('BadRequest', `the object provided is a ${given}, not a ${kind.apiVersion}, Kind=${kind.kind}`)
  }
  const meta = decodeMeta(own(draft, 'metadata'))
  if (meta.unreadable !== null) throw unreadable(kind, meta.unreadable)
  const { metadata: _, ...rest } = draft
  const body = decodeBody(kind, rest)
  // What belongs to no namespace is in none, whatever was written.
  const { namespace: _namespace, ...metadata } = meta.metadata
  return { object: { ...body.value, metadata: kind.namespaced ? meta.metadata : metadata }, unknown: [...meta.unknown, ...body.unknown] }
}

function decodeBody(kind: Kind, body: JsonObject): { readonly value: JsonObject; readonly unknown: readonly string[] } {
  try {
    const { value, unknown } = decode(kind.schema, body)
    return { value: isJsonObject(value) ? value : {}, unknown }
  } catch (error) {
    if (error instanceof RangeError) throw unreadable(kind, error.message)
    throw error
  }
}

const unreadable = (kind: Kind, why: string): Refused =>
  new Refused('BadRequest', `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${why}`)

const UNKNOWN_SHOWN_MAX = 50

function strictWarnings(kind: Kind, decoded: DecodedObject, options: AdmitOptions): readonly string[] {
  const texts = [
    ...(options.duplicates ?? []).map((path) => `duplicate field "${path}"`),
    ...decoded.unknown.map((path) => `unknown field "${path}"`),
  ].slice(0, UNKNOWN_SHOWN_MAX)
  if (texts.length === 0 || options.fieldValidation === 'Ignore') return []
  if (options.fieldValidation !== 'Strict') return texts
  const why = `strict decoding error: ${texts.join(', ')}`
  if (!options.patch) throw unreadable(kind, why)
  const issue: Issue = { reason: 'FieldValueInvalid', field: 'patch', body: `Invalid value: "patch": ${why}` }
  throw refusedInvalid(kind, nameOf(decoded.object), [issue])
}

/** Nothing is born while it is deleted. */
function undying(object: JsonObject): JsonObject {
  const { deletionTimestamp: _, deletionGracePeriodSeconds: __, ...metadata } = objectAt(object, 'metadata')
  return { ...object, metadata }
}

/** Who writes the object does not write its status, and the other way round. A new one has the status of what nobody looked at. */
function isolated(kind: Kind, object: JsonObject, before: Before | null, options: AdmitOptions): JsonObject {
  const old = before && isJsonObject(before.value) ? before.value : null
  if (options.subresource === 'status') return old ? withStatus(old, own(object, 'status')) : object
  if (!kind.hasStatus) return object
  return withStatus(object, old ? own(old, 'status') : kind.schema.properties.get('status')?.default?.value)
}

function withStatus(object: JsonObject, status: unknown): JsonObject {
  const { status: _, ...rest } = object
  return status === undefined ? rest : { ...rest, status }
}

function issuesOf(kind: Kind, object: JsonObject, before: Before | null, options: AdmitOptions): ReturnType<typeof ruleIssues> {
  const status = options.subresource === 'status'
  const metadata = objectAt(object, 'metadata')
  const metadataBefore = before && isJsonObject(before.value) ? objectAt(before.value, 'metadata') : null
  const found: Issue[] = [
    ...metaIssues(metadata, metadataBefore),
    ...(status ? statusIssues(kind.schema, object, before) : structuralIssues(kind.schema, object, before)),
    ...changedListIssues(kind.schema, object, before),
  ]
  if (blocksRules(found)) return { issues: hasRules(kind.schema) ? [...found, RULES_SKIPPED] : found, warnings: [] }
  const rules = ruleIssues(kind.schema, object, before)
  return {
    issues: [...found, ...rules.issues],
    warnings: [...rules.warnings, ...(status ? [] : finalizerWarnings(metadata, metadataBefore))],
  }
}

const objectAt = (object: JsonObject, name: string): JsonObject => {
  const value = own(object, name)
  return isJsonObject(value) ? value : {}
}

function statusIssues(schema: Schema, object: JsonObject, before: Before | null): readonly Issue[] {
  const status = schema.properties.get('status')
  if (!status || !Object.hasOwn(object, 'status')) return []
  return structuralIssues(status, own(object, 'status'), fieldBefore(before, 'status'), 'status')
}

/** Repeats that were stored already are tolerated, all of them: an object must stay changeable. */
function changedListIssues(schema: Schema, object: JsonObject, before: Before | null): readonly Issue[] {
  const issues = listIssues(schema, object)
  return issues.length > 0 && before && listIssues(schema, before.value).length > 0 ? [] : issues
}

function nameOf(object: JsonObject): string {
  const metadata = own(object, 'metadata')
  const name = isJsonObject(metadata) ? (own(metadata, 'name') ?? own(metadata, 'generateName')) : undefined
  return typeof name === 'string' ? name : ''
}

function asAdmitted(kind: Kind, object: JsonObject): AdmittedObject {
  const metadata = own(object, 'metadata')
  return { ...object, apiVersion: kind.apiVersion, kind: kind.kind, metadata: isJsonObject(metadata) ? metadata : {} }
}
