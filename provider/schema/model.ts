import type { ObjectValue, Value } from '../wire/values.ts'

/** The shape of a row in the table of types: plain data, and small functions that look at one value. */

export type AttributeType =
  | 'string'
  | 'number'
  | 'bool'
  | readonly ['list' | 'set' | 'map', AttributeType]
  | readonly ['object', { readonly [name: string]: AttributeType }]

/** Where in a configuration: names of attributes and blocks, and positions in lists. */
export type Path = readonly (string | number)[]

export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  readonly summary: string
  readonly detail: string
  readonly path: Path
}

/** Says what is wrong with a known value that is not null, or null. The name of the attribute is put before it. */
export interface Rule {
  (value: Value): string | null
  /** The rule in a few words of Markdown, for pages about the type. */
  readonly says?: string
}

export interface Attribute {
  readonly type: AttributeType
  /** `filled` is optional and, where a configuration leaves it out, the provider's to choose. */
  readonly mode: 'required' | 'optional' | 'filled' | 'computed'
  readonly description: string
  readonly sensitive?: true
  /** What to write in its place. */
  readonly deprecated?: string
  /** Taken where a configuration leaves an optional attribute out. */
  readonly default?: Value
  readonly rules?: readonly Rule[]
  /** A change makes another resource: this one is destroyed and made again. */
  readonly replaces?: true
  /** Computed from its siblings as they are configured, so a plan knows it already. */
  readonly derive?: (siblings: ObjectValue) => Value
}

export interface Nested {
  readonly nesting: 'list' | 'set'
  readonly block: Block
  readonly min?: number
  /** Absent: as many as somebody likes. */
  readonly max?: number
  readonly replaces?: true
  /** The blocks that a configuration without any stands for. */
  readonly default?: readonly ObjectValue[]
}

export interface Block {
  readonly description: string
  /** What to write in its place. */
  readonly deprecated?: string
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly blocks?: Readonly<Record<string, Nested>>
  /** What no single attribute can say: conflicts, uniqueness. Unknown values are somewhere in it during validation. */
  readonly check?: (config: ObjectValue, path: Path) => readonly Diagnostic[]
}

/** A row. Its type name is the prefix of a provider and this name: `coder_agent`, `bothy_agent`. */
export interface Entry {
  readonly name: string
  readonly kind: 'resource' | 'data'
  /** `own`: ours alone; `both`: the same type under each prefix. */
  readonly prefixes: 'both' | 'own'
  /** Of the shape of its state; left out: 0. */
  readonly version?: number
  readonly block: Block
}

export const PREFIXES = ['bothy', 'coder'] as const

export const typeNames = (entry: Entry): readonly string[] =>
  (entry.prefixes === 'own' ? ['bothy'] : PREFIXES).map((prefix) => `${prefix}_${entry.name}`)

type Extra = Partial<Omit<Attribute, 'type' | 'mode' | 'description'>>
const attribute =
  (mode: Attribute['mode']) =>
  (type: AttributeType, description: string, extra: Extra = {}): Attribute => ({ type, mode, description, ...extra })

export const required = attribute('required')
export const optional = attribute('optional')
export const filled = attribute('filled')
export const computed = attribute('computed')

/** Every attribute replaces the resource when it changes. */
export const replacing = (attributes: Block['attributes']): Block['attributes'] =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, each]) => [name, each.mode === 'computed' ? each : { ...each, replaces: true }]),
  )

/** A block in which nothing is said. */
export const defaultsOf = (block: Block): ObjectValue =>
  Object.fromEntries(Object.entries(block.attributes).map(([name, each]) => [name, each.default ?? null]))
