import type { LogRow } from '../store/records.ts'

/** Terraform's lines of JSON, as a person reads them. Pure: what was said so far goes in, what to write comes out. */

export type Level = LogRow['level']

export interface Said {
  /** What terraform is doing now; null: the same as before. */
  readonly phase: 'planning' | 'applying' | null
  readonly rows: readonly { readonly level: Level; readonly text: string }[]
  /** Set for a diagnostic that says why it failed. */
  readonly failure: Failure | null
  /** Something that has been planned. */
  readonly planned: { readonly action: string; readonly type: string; readonly name: string; readonly address: string } | null
  /** The address of something that has changed behind terraform's back. */
  readonly drifted: string | null
  /** Work on one resource, by terraform's clock. */
  readonly work: {
    readonly address: string
    readonly action: string
    readonly what: 'begins' | 'ends' | 'fails'
    readonly atMs: number
  } | null
}

export interface Failure {
  readonly summary: string
  readonly detail: string
  /** The whole of it, with file, line and column. */
  readonly text: string
}

export interface Progress {
  readonly done: number
  /** null until the plan has said how much there is. */
  readonly total: number | null
}

export const NO_PROGRESS: Progress = { done: 0, total: null }

type Values = Readonly<Record<string, unknown>>

const NOTHING: Said = { phase: null, rows: [], failure: null, planned: null, drifted: null, work: null }
const DETAIL_CHARACTERS_MAX = 4000

export function hear(line: string, before: Progress): { readonly said: Said; readonly progress: Progress } {
  const event = parsed(line)
  // What a template's program prints between terraform's own lines is kept as it is.
  if (!event) return { said: { ...NOTHING, rows: [{ level: 'info', text: line }] }, progress: before }
  const progress = progressAfter(event, before)
  return { said: said(event, progress), progress }
}

function progressAfter(event: Values, before: Progress): Progress {
  if (event['type'] === 'change_summary') {
    const changes = objectOf(event['changes'])
    const total = ['add', 'change', 'remove'].reduce((sum, name) => sum + numberOf(changes[name]), 0)
    return changes['operation'] === 'plan' ? { done: 0, total } : before
  }
  return event['type'] === 'apply_complete' && before.total !== null ? { ...before, done: before.done + 1 } : before
}

function said(event: Values, progress: Progress): Said {
  const text = textOf(event['@message'])
  switch (event['type']) {
    case 'diagnostic':
      return diagnosed(objectOf(event['diagnostic']))
    case 'refresh_start':
    case 'refresh_complete':
      return { ...NOTHING, phase: 'planning', rows: [{ level: 'debug', text }] }
    case 'planned_change':
      return { ...NOTHING, phase: 'planning', planned: changeOf(event), rows: [{ level: 'debug', text }] }
    case 'resource_drift':
      return { ...NOTHING, phase: 'planning', drifted: changeOf(event)?.address ?? '', rows: [{ level: 'warn', text }] }
    case 'change_summary':
      return { ...NOTHING, rows: [{ level: 'info', text }] }
    case 'apply_start':
      return {
        ...NOTHING,
        phase: applies(event) ? 'applying' : 'planning',
        rows: [{ level: applies(event) ? 'info' : 'debug', text }],
        work: workOn(event, 'begins'),
      }
    case 'apply_complete':
      return {
        ...NOTHING,
        rows: [{ level: applies(event) ? 'info' : 'debug', text: counted(text, progress) }],
        work: workOn(event, 'ends'),
      }
    case 'apply_errored':
      return { ...NOTHING, rows: [{ level: 'error', text }], work: workOn(event, 'fails') }
    case 'apply_progress':
    case 'provision_start':
    case 'provision_progress':
    case 'provision_complete':
    case 'provision_errored':
      return { ...NOTHING, rows: [{ level: 'info', text }] }
    // Values of outputs may be long or private: they belong to the outcome.
    case 'outputs':
    case 'version':
      return NOTHING
    default:
      return { ...NOTHING, rows: text === '' ? [] : [{ level: 'debug', text }] }
  }
}

const counted = (text: string, { done, total }: Progress): string => (total === null ? text : `${text} (${done} of ${total} resources)`)

/** Reading a data source is told like making a resource. */
const applies = (event: Values): boolean => objectOf(event['hook'])['action'] !== 'read'

function workOn(event: Values, what: NonNullable<Said['work']>['what']): Said['work'] {
  const hook = objectOf(event['hook'])
  const atMs = Date.parse(textOf(event['@timestamp']))
  if (!applies(event) || Number.isNaN(atMs)) return null
  return { address: textOf(objectOf(hook['resource'])['addr']), action: textOf(hook['action']), what, atMs }
}

function changeOf(event: Values): Said['planned'] {
  const change = objectOf(event['change'])
  const resource = objectOf(change['resource'])
  return {
    action: textOf(change['action']),
    type: textOf(resource['resource_type']),
    name: textOf(resource['resource_name']),
    address: textOf(resource['addr']),
  }
}

function diagnosed(diagnostic: Values): Said {
  const summary = textOf(diagnostic['summary'])
  const detail = textOf(diagnostic['detail']).slice(0, DETAIL_CHARACTERS_MAX)
  const text = [whereOf(diagnostic), summary, whatOf(diagnostic), detail === '' ? '' : `: ${detail}`].join('')
  const isError = diagnostic['severity'] === 'error'
  return {
    ...NOTHING,
    rows: [{ level: isError ? 'error' : 'warn', text }],
    failure: isError ? { summary, detail, text } : null,
  }
}

function whereOf(diagnostic: Values): string {
  const range = objectOf(diagnostic['range'])
  const start = objectOf(range['start'])
  const file = textOf(range['filename'])
  return file === '' ? '' : `${file}:${numberOf(start['line'])}:${numberOf(start['column'])}: `
}

/** ` (resource "coder_agent" "dev", attribute os)` */
function whatOf(diagnostic: Values): string {
  const snippet = objectOf(diagnostic['snippet'])
  const context = textOf(snippet['context'])
  const attribute = /^\s*([A-Za-z_][\w-]*)\s*=(?!=)/.exec(textOf(snippet['code']))?.[1]
  const parts = [context, attribute ? `attribute ${attribute}` : ''].filter((part) => part !== '')
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function parsed(line: string): Values | null {
  if (!line.startsWith('{')) return null
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) && '@message' in value ? value : null
  } catch {
    return null
  }
}

const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value)
const objectOf = (value: unknown): Values => (isObject(value) ? value : {})
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0)
