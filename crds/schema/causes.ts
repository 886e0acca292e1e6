import { Refused, type Cause } from '../../controller/kernel/errors.ts'
import type { Kind } from '../kinds.ts'
import { goQuoted, goValue } from './go-text.ts'

/** What is wrong with one field, in the API server's words. */
export interface Issue {
  readonly reason: IssueReason
  readonly field: string
  /** Everything after the field: `Invalid value: "x": must be …`. */
  readonly body: string
}

export type IssueReason =
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'

const PHRASES: Readonly<Record<IssueReason, string>> = {
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueTypeInvalid: 'Invalid value',
}

/** The API server knows no bound here; a message of more helps nobody. */
const VALUE_SHOWN_MAX = 16384
/** Nobody reads more, and a body of a few megabytes can hold very many mistakes. */
export const ISSUES_MAX = 1000

/** What is wrong with each of them, as far as anybody reads. */
export function issuesOfEach<T>(all: Iterable<T>, of: (each: T) => readonly Issue[]): readonly Issue[] {
  const issues: Issue[] = []
  for (const each of all) {
    issues.push(...of(each))
    if (issues.length >= ISSUES_MAX) break
  }
  return issues
}

const withDetail = (text: string, detail: string): string => (detail ? `${text}: ${detail}` : text)

/** The reasons whose message does not repeat the value: there is none, or it is too much. */
const plain =
  (reason: IssueReason) =>
  (field: string, detail = ''): Issue => ({ reason, field, body: withDetail(PHRASES[reason], detail) })

const valued =
  (reason: IssueReason) =>
  (field: string, value: unknown, detail = ''): Issue => ({
    reason,
    field,
    body: withDetail(`${PHRASES[reason]}: ${shown(value)}`, detail),
  })

export const required = plain('FieldValueRequired')
export const forbidden = plain('FieldValueForbidden')
export const duplicate = valued('FieldValueDuplicate')
export const invalid = valued('FieldValueInvalid')
export const typeInvalid = valued('FieldValueTypeInvalid')
/** What is wrong is the whole of something: to repeat it would help nobody. */
export const invalidWhole = plain('FieldValueInvalid')
export const duplicateWhole = plain('FieldValueDuplicate')
export const tooLong = (field: string, max: number): Issue =>
  plain('FieldValueTooLong')(field, `may not be more than ${max} ${max === 1 ? 'byte' : 'bytes'}`)
export const tooMany = (field: string, count: number, max: number): Issue =>
  valued('FieldValueTooMany')(field, count, `must have at most ${max} ${max === 1 ? 'item' : 'items'}`)
export const notSupported = (field: string, value: unknown, offered: readonly unknown[]): Issue =>
  valued('FieldValueNotSupported')(field, value, `supported values: ${offered.map((one) => goQuoted(String(one))).join(', ')}`)

/** Of a long text no more is written than is shown: to write all of it takes too long. */
export const shown = (value: unknown): string => cut(goValue(typeof value === 'string' ? value.slice(0, VALUE_SHOWN_MAX) : value))

export const cut = (text: string): string => (text.length > VALUE_SHOWN_MAX ? `${text.slice(0, VALUE_SHOWN_MAX)}…` : text)

/** Rules are not asked about an object whose shape is wrong: they would fail for reasons that are not theirs. */
const BLOCKING: ReadonlySet<IssueReason> = new Set<IssueReason>([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
])
export const blocksRules = (issues: readonly Issue[]): boolean => issues.some(({ reason }) => BLOCKING.has(reason))
export const RULES_SKIPPED = invalid(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
)

export const sentenceOf = (issue: Issue): string => `${issue.field}: ${issue.body}`

/** `Workspace.bothy.dev "dev" is invalid: spec.owner: …`, with a cause for each field. */
export function refusedInvalid(kind: Pick<Kind, 'kind' | 'group'>, name: string, issues: readonly Issue[]): Refused {
  const sentences = [...new Set(issues.map(sentenceOf))]
  const text = sentences.length === 1 ? sentences.join('') : `[${sentences.join(', ')}]`
  const causes: readonly Cause[] = issues.map(({ reason, body, field }) => ({ reason, message: body, field }))
  const what = kind.group ? `${kind.kind}.${kind.group}` : kind.kind
  return new Refused('Invalid', `${what} ${shown(name)} is invalid: ${text}`, {
    name,
    kind: kind.kind,
    ...(kind.group ? { group: kind.group } : {}),
    causes,
  })
}
