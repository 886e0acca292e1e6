import {
  ACTOR_LENGTH_MAX,
  LIFECYCLES,
  SOURCE_LENGTH_MAX,
  USE_KINDS,
  USES_MAX,
  type AgentHello,
  type Lifecycle,
  type Report,
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

export const isReport = (value: unknown): value is Report =>
  isFields(value) &&
  Number.isSafeInteger(value['seq']) &&
  Number.isSafeInteger(value['at']) &&
  ((value['kind'] === 'lifecycle' && isLifecycle(value['lifecycle']) && isText(value['message'], TEXT_LENGTH_MAX)) ||
    (value['kind'] === 'log' &&
      isText(value['source'], SOURCE_LENGTH_MAX) &&
      (value['level'] === 'info' || value['level'] === 'warn' || value['level'] === 'error') &&
      isText(value['text'], TEXT_LENGTH_MAX)) ||
    (value['kind'] === 'stats' && Array.isArray(value['uses']) && value['uses'].length <= USES_MAX && value['uses'].every(isUse)))
