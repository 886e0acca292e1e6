/** One question to a server. It says nothing about the answer: the two servers are each other's measure. */
export interface Step {
  /** What is asked, as a sentence; the only one of its scenario. */
  readonly does: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `{ns}`, `{run}` and whatever earlier steps kept are filled in, here and in everything below. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is. */
  readonly raw?: string
  /** What later steps may name: by its name, where it is in the answer (`metadata.resourceVersion`, `items.0.metadata.name`). */
  readonly keep?: Readonly<Record<string, string>>
  /** The rule that is tried here: `<kind>:<path>:<its place in the list>`. Each is accepted once and refused once at least. */
  readonly rule?: string
  /** Asked again until the answer has this code: what goes in the background takes a while. */
  readonly until?: number
  /** A watch: so many events are read, then it is left. Fewer come when it ends by itself. */
  readonly events?: number
}

/** Steps that follow one another in a namespace of their own. */
export interface Scenario {
  readonly name: string
  readonly steps: readonly Step[]
}

export const JSON_TYPE = 'application/json'
export const MERGE_PATCH = 'application/merge-patch+json'
export const JSON_PATCH = 'application/json-patch+json'
export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json'
export const APPLY_PATCH = 'application/apply-patch+yaml'

export const contentTypeOf = ({ method }: Step): string => (method === 'PATCH' ? MERGE_PATCH : JSON_TYPE)
