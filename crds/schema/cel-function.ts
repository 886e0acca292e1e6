/**
 * What Kubernetes adds to CEL, or does in another way than our engine. The engine's own functions cannot be replaced, so rules
 * are rewritten to call ours, which carry a mark before their names.
 */
export interface CelFunction {
  /** As in rules: `string.matches` for what is asked of a text, or a name alone. */
  readonly name: string
  readonly takes: readonly string[]
  readonly gives: string
  readonly call: (...args: never[]) => unknown
}

/** Values only the engine can make. */
export interface CelEngine {
  duration(nanoseconds: bigint): unknown
}
