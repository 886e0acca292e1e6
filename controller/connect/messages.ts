import {
  ACTOR_LENGTH_MAX,
  APP_HEALTHS,
  LIFECYCLES,
  METADATA_BYTES_MAX,
  SOURCE_LENGTH_MAX,
  USE_KINDS,
  USES_MAX,
  type AgentHello,
  type Lifecycle,
  type Report,
  type StatsNow,
  type Use,
} from '../../agent/protocol.ts'

/** An agent runs in somebody's workspace: what it says is looked at before it is believed. */

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown, lengthMax: number): value is string => typeof value === 'string' && value.length <= lengthMax
const isLifecycle = (value: unknown): value is Lifecycle => LIFECYCLES.some((each) => each === value)

const isUse = (value: unknown): value is Use =>
  isFields(value) &&
  USE_KINDS.some((kind) => kind === value['kind']) &&
  isText(value['by'], ACTOR_LENGTH_MAX) &&
  Number.isSafeInteger(value['from']) &&
  Number.isSafeInteger(value['until'])

const TEXT_LENGTH_MAX = 8192

export const isAgentHello = (value: unknown): value is AgentHello =>
  isFields(value) &&
  isText(value['protocol'], 16) &&
  isText(value['version'], 64) &&
  isText(value['runId'], 64) &&
  typeof value['pid'] === 'number' &&
  isLifecycle(value['lifecycle']) &&
  isText(value['message'], TEXT_LENGTH_MAX)

/** A report of a kind that only a newer agent knows: it is acknowledged, and nothing is kept of it. */
export interface UnknownReport {
  readonly seq: number
  readonly kind: null
}

const KINDS: ReadonlySet<unknown> = new Set(['lifecycle', 'log', 'metadata', 'app', 'stats'])

/** null: no report of any agent. */
export function reportIn(value: unknown): Report | UnknownReport | null {
  if (isReport(value)) return value
  // Uses of kinds that only a newer agent knows are left out, and what it says of now with them.
  if (isFields(value) && value['kind'] === 'stats' && Array.isArray(value['uses']) && value['uses'].length <= USES_MAX) {
    const known: unknown = { ...value, uses: value['uses'].filter(isUse), now: undefined }
    if (value['uses'].every((use) => isFields(use) && isText(use['kind'], 64)) && isReport(known)) return known
  }
  if (!isFields(value) || !isText(value['kind'], 64) || KINDS.has(value['kind'])) return null
  const seq = value['seq']
  return typeof seq === 'number' && Number.isSafeInteger(seq) ? { seq, kind: null } : null
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0

const isStatsNow = (value: unknown): value is StatsNow =>
  isFields(value) &&
  isFields(value['sessions']) &&
  Object.entries(value['sessions']).every(([kind, count]) => USE_KINDS.some((each) => each === kind) && isCount(count)) &&
  ['connections', 'bytesIn', 'bytesOut', 'processes', 'memoryBytes'].every((name) => isCount(value[name]))

/** Cut by the agent; characters are at most so many bytes. */
const isReport = (value: unknown): value is Report =>
  isFields(value) &&
  Number.isSafeInteger(value['seq']) &&
  Number.isSafeInteger(value['at']) &&
  ((value['kind'] === 'metadata' &&
    isText(value['key'], SOURCE_LENGTH_MAX) &&
    isText(value['value'], METADATA_BYTES_MAX) &&
    isText(value['error'], METADATA_BYTES_MAX)) ||
    (value['kind'] === 'app' && isText(value['slug'], 64) && APP_HEALTHS.some((each) => each === value['health'])) ||
    (value['kind'] === 'lifecycle' && isLifecycle(value['lifecycle']) && isText(value['message'], TEXT_LENGTH_MAX)) ||
    (value['kind'] === 'log' &&
      isText(value['source'], SOURCE_LENGTH_MAX) &&
      (value['level'] === 'info' || value['level'] === 'warn' || value['level'] === 'error') &&
      isText(value['text'], TEXT_LENGTH_MAX)) ||
    (value['kind'] === 'stats' &&
      Array.isArray(value['uses']) &&
      value['uses'].length <= USES_MAX &&
      value['uses'].every(isUse) &&
      (value['now'] === undefined || isStatsNow(value['now']))))
