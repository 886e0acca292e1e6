import type { Kind } from '../../../crds/kinds.ts'
import { isJsonObject } from '../../../crds/schema/types.ts'
import { diceOf, type Dice } from './dice.ts'
import { mutate, mutateMetadata, RAW } from './mutations.ts'
import { valueOf } from './values.ts'

/** Documents near what a kind means, of a seed: most are right in most places, and wrong in one or two. */

export type Validation = 'Strict' | 'Warn' | 'Ignore'

export interface RandomDocument {
  readonly seed: number
  readonly text: string
  readonly validation: Validation
}

type Tree = Record<string, unknown>

export interface Shape {
  /** What is replaced; undefined: the document is a new one. */
  readonly old?: Readonly<Record<string, unknown>>
  readonly status?: boolean
}

export function documentOf(kind: Kind, seed: number, { old, status = false }: Shape = {}): RandomDocument {
  const dice = diceOf(seed)
  const tree = old ? changed(dice, kind, structuredClone(old) as Tree, status) : created(dice, kind)
  const wrongs = dice.pick([0, 1, 1, 1, 2, 2, 4])
  for (let wrong = 0; wrong < wrongs; wrong += 1) mutate(dice, kind.schema, tree)
  if (dice.chance(0.25)) mutateMetadata(dice, metadataOf(tree), old === undefined)
  return { seed, text: written(dice, tree), validation: dice.pick(['Strict', 'Warn', 'Ignore']) }
}

function created(dice: Dice, kind: Kind): Tree {
  const spec = kind.schema.properties.get('spec')
  const status = kind.schema.properties.get('status')
  return {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { name: dice.pick(['dev', 'a-b', 'x1']) },
    ...(spec ? { spec: valueOf(dice, spec) } : {}),
    ...(status && dice.chance(0.1) ? { status: valueOf(dice, status) } : {}),
  }
}

/** What was there, in some fields anew. */
function changed(dice: Dice, kind: Kind, tree: Tree, status: boolean): Tree {
  const name = status ? 'status' : 'spec'
  const schema = kind.schema.properties.get(name)
  if (!schema) return tree
  const fresh = valueOf(dice, schema) as Tree
  // What an older schema let be text or a list has no fields: each part of it would be one, and no more than fifty are told of.
  const before = isJsonObject(tree[name]) ? (tree[name] as Tree) : {}
  const kept = Object.fromEntries([...Object.entries(before), ...Object.entries(fresh).filter(() => dice.chance(0.3))])
  return { ...tree, [name]: dice.chance(0.2) ? fresh : kept }
}

const metadataOf = (tree: Tree): Tree => {
  const metadata = (tree['metadata'] ??= {})
  return metadata as Tree
}

function written(dice: Dice, tree: Tree): string {
  const text = JSON.stringify(tree).replaceAll(
    new RegExp(`"${JSON.stringify(RAW).slice(1, -1).replaceAll('\\', '\\\\')}([^"]*)"`, 'g'),
    '$1',
  )
  if (!dice.chance(0.06)) return text
  // A field that is given twice: the last one counts.
  const repeated = dice.pick(['"spec":{},', '"kind":"Other",', '"extra":1,"extra":2,', '"metadata":{"name":"other"},'])
  return `{${repeated}${text.slice(1)}`
}
