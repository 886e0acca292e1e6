import { toIso, type Instant } from '../kernel/clock.ts'
import { plain } from '../kernel/plain.ts'
import type { Reason } from '../kernel/reasons.ts'

/** A condition as a rule gives it. */
export interface GivenCondition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: Reason
  readonly message: string
}

/** A condition as it stands in `status.conditions`. */
export interface StoredCondition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  readonly lastTransitionTime: string
  readonly observedGeneration: number
}

const MESSAGE_BYTES_MAX = 1024

/**
 * The conditions after a look: those given and no others, in the order given. `lastTransitionTime` moves only when the
 * status flips, so that the same situation is the same bytes and nothing has to be written.
 */
export function mergedConditions(
  stored: readonly StoredCondition[],
  given: readonly GivenCondition[],
  generation: number,
  now: Instant,
): StoredCondition[] {
  return settledBy(given).map(({ type, status, reason, message }) => {
    const before = stored.find((condition) => condition.type === type)
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : toIso(now)
    return { type, status, reason, message: storedMessage(message), lastTransitionTime, observedGeneration: generation }
  })
}

/** As kstatus wants it: Reconciling and Stalled stand only while true, and what is stalled is not also on its way. */
function settledBy(given: readonly GivenCondition[]): GivenCondition[] {
  const stalled = given.some(({ type, status }) => type === 'Stalled' && status === 'True')
  return given.filter(({ type, status }) => {
    if (type === 'Stalled') return status === 'True'
    if (type === 'Reconciling') return status === 'True' && !stalled
    return true
  })
}

const SOURCE_REASONS = [
  'InvalidYaml',
  'InvalidObject',
  'FolderUnavailable',
  'TemplateInvalid',
  'DeclaredElsewhere',
  'NotDeclarable',
  'InUse',
] as const satisfies readonly Reason[]

/**
 * What its source says is wrong with a declaration (annotation bothy.dev/source-error). The last good one stays in force,
 * so Ready is not touched by it.
 */
export function declaredCondition(sourceError: string | null): GivenCondition | null {
  if (sourceError === null) return null
  const reason = SOURCE_REASONS.find((word) => sourceError.includes(`: ${word}: `)) ?? 'InvalidObject'
  return { type: 'Declared', status: 'False', reason, message: `The last good declaration stays in force. ${sourceError}` }
}

/** A message as it stands in a status: whoever asks whether it was told before must compare with this. */
export const storedMessage = (message: string): string => shortened(plain(message))

function shortened(message: string): string {
  const bytes = Buffer.from(message)
  if (bytes.byteLength <= MESSAGE_BYTES_MAX) return message
  // A cut inside a character would leave a replacement character behind.
  return `${bytes
    .subarray(0, MESSAGE_BYTES_MAX - 4)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`
}
