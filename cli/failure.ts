import { plain } from '../controller/kernel/plain.ts'

/** The whole contract of exit codes. */
export const EXIT = { done: 0, didNotBecomeSo: 1, usage: 2, notFound: 3, refused: 4, unreachable: 5 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export interface FailureText {
  /** One sentence: what went wrong. */
  readonly what: string
  /** One sentence or place: where. */
  readonly where?: string
  /** One sentence: what to do now. */
  readonly fix?: string
}

/** Everything that ends a command without its work being done. Anything else that is thrown is a bug of ours. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: ExitCode
  readonly text: FailureText
  /** What the API server's Status called it: NotFound, Conflict, Invalid …; null where no server said anything. */
  readonly reason: string | null
  readonly causes: readonly FailureCause[]
  constructor(code: ExitCode, text: FailureText, more: { readonly reason?: string; readonly causes?: readonly FailureCause[] } = {}) {
    super(text.what)
    this.code = code
    this.text = readable(text)
    this.reason = more.reason ?? null
    this.causes = more.causes ?? []
  }

  /** The same, said better by somebody who knows more. */
  with(text: Partial<FailureText>): Failure {
    return new Failure(
      this.code,
      { ...this.text, ...text },
      { ...(this.reason === null ? {} : { reason: this.reason }), causes: this.causes },
    )
  }
}

/** A workspace's agent may have said it, and a person reads it in a terminal. */
const readable = ({ what, where, fix }: FailureText): FailureText => ({
  what: plain(what),
  ...(where === undefined ? {} : { where: plain(where) }),
  ...(fix === undefined ? {} : { fix: plain(fix) }),
})

export interface FailureCause {
  readonly reason: string
  readonly message: string
  readonly field: string
}

export const usage = (what: string, fix: string): Failure => new Failure(EXIT.usage, { what, fix })

export function failureLines(failure: Failure): string[] {
  const { what, where, fix } = failure.text
  return [`bothy: ${what}`, ...(where ? [`  where:  ${where}`] : []), ...(fix ? [`  to do:  ${fix}`] : [])]
}

export const failureJson = (failure: Failure): string =>
  JSON.stringify({
    error: {
      code: failure.code,
      reason: failure.reason,
      what: failure.text.what,
      where: failure.text.where ?? null,
      fix: failure.text.fix ?? null,
      causes: failure.causes,
    },
  })
