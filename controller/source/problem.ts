import { splitKey, type Key } from '../kernel/names.ts'
import type { Reason } from '../kernel/reasons.ts'

/** Something in the folder that keeps a declaration from taking effect, at its place. */
export interface Problem {
  readonly reason: Reason
  /** Relative to the folder. */
  readonly path: string
  readonly line: number
  readonly column: number
  readonly message: string
  /** The object that keeps its other declaration; absent where the object concerned carries the problem itself. */
  readonly about?: Key
}

/** `workspace.yaml:14:9: InvalidObject: …`: what a person, an editor and the reconciler's condition all read. */
export const problemText = ({ reason, path, line, column, message }: Problem): string => `${path}:${line}:${column}: ${reason}: ${message}`

export const atStart = (reason: Reason, path: string, message: string): Problem => ({ reason, path, line: 1, column: 1, message })

/** `workspace/dev`, and where it is when that is not the default namespace: as the command line takes it. */
export function shown(key: Key): string {
  const { kind, namespace, name } = splitKey(key)
  return `${kind.toLowerCase()}/${name}${namespace === '' || namespace === 'default' ? '' : ` in ${namespace}`}`
}
