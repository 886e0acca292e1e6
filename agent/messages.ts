import type { ControlHello, ExecStart, ManifestScript } from './protocol.ts'

/** What arrives is not what its type says until it was looked at. */

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isStrings = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((each) => typeof each === 'string')
const isTexts = (value: unknown): boolean => isFields(value) && Object.values(value).every((each) => typeof each === 'string')
const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isDimension = (value: unknown): boolean => isCount(value) && Number(value) <= 65_535

const ID_LENGTH_MAX = 64

export const isExecStart = (value: unknown): value is ExecStart =>
  isFields(value) &&
  typeof value['id'] === 'string' &&
  value['id'].length > 0 &&
  value['id'].length <= ID_LENGTH_MAX &&
  isStrings(value['argv']) &&
  value['argv'].every((each) => !each.includes('\0')) &&
  (value['tty'] === null || (isFields(value['tty']) && isDimension(value['tty']['cols']) && isDimension(value['tty']['rows']))) &&
  typeof value['stdin'] === 'boolean' &&
  (value['cwd'] === null || typeof value['cwd'] === 'string') &&
  isTexts(value['env']) &&
  typeof value['background'] === 'boolean' &&
  (value['whenFull'] === 'hold' || value['whenFull'] === 'drop') &&
  typeof value['resume'] === 'boolean' &&
  isCount(value['offset'])

const isScript = (value: unknown): value is ManifestScript =>
  isFields(value) &&
  typeof value['name'] === 'string' &&
  typeof value['script'] === 'string' &&
  (value['on'] === 'start' || value['on'] === 'stop') &&
  isCount(value['timeoutSeconds'])

export const isControlHello = (value: unknown): value is ControlHello =>
  isFields(value) &&
  typeof value['protocol'] === 'string' &&
  isFields(value['manifest']) &&
  Array.isArray(value['manifest']['scripts']) &&
  value['manifest']['scripts'].every(isScript) &&
  isTexts(value['manifest']['env']) &&
  typeof value['manifest']['dir'] === 'string'

export const isAck = (value: unknown): value is { readonly ack: number } => isFields(value) && isCount(value['ack'])

export const isSignalWish = (value: unknown): value is { readonly id: string; readonly signal: string } =>
  isFields(value) && typeof value['id'] === 'string' && typeof value['signal'] === 'string'
