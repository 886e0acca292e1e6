import { pattern } from './regex.ts'

/** What Kubernetes adds to CEL, or does in another way than our engine, as far as our rules use it. One entry a function. */
export interface CelFunction {
  /** Its name in rules. */
  readonly name: string
  /** Where the engine has one of that name that cannot be replaced, rules are rewritten to this name. */
  readonly as: string
  readonly signature: string
  readonly call: (...args: readonly unknown[]) => unknown
}

export const CEL_FUNCTIONS: readonly CelFunction[] = [
  {
    // The engine's own uses a JavaScript RegExp: other syntax, and time without bound.
    name: 'matches',
    as: 're2Matches',
    signature: 'string.re2Matches(string): bool',
    call: (text, source) => pattern(String(source)).matches(String(text)),
  },
]
