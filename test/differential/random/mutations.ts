import { isJsonObject, type Schema } from '../../../crds/schema/types.ts'
import type { Dice } from './dice.ts'
import { anything, valueOf } from './values.ts'

/** What goes wrong in documents: one thing at one place. */

/** A value that JSON.stringify cannot write: put as text where this mark stands. */
export const RAW = '\u0001raw:'

interface Spot {
  /** Puts another value in the place of the one that is there; undefined: removes it. */
  put(value: unknown): void
  readonly value: unknown
  readonly schema: Schema | null
}

type Tree = Record<string, unknown>

function spotsOf(schema: Schema | null, value: unknown, put: (value: unknown) => void, found: Spot[] = []): readonly Spot[] {
  found.push({ schema, value, put })
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) spotsOf(schema?.items ?? null, item, (next) => replaceItem(value, index, next), found)
  } else if (isJsonObject(value)) {
    const tree: Tree = value
    for (const name of Object.keys(tree)) {
      const child = schema?.properties.get(name) ?? schema?.additionalProperties ?? null
      spotsOf(child, tree[name], (next) => replaceField(tree, name, next), found)
    }
  }
  return found
}

function replaceItem(list: unknown[], index: number, next: unknown): void {
  if (next === undefined) list.splice(index, 1)
  else list[index] = next
}

function replaceField(tree: Tree, name: string, next: unknown): void {
  if (next === undefined) delete tree[name]
  else Object.defineProperty(tree, name, { value: next, enumerable: true, configurable: true, writable: true })
}

type Mutation = (dice: Dice, spot: Spot) => void

const MUTATIONS: readonly Mutation[] = [
  (dice, { put }) => put(anything(dice)),
  (_, { put }) => put(null),
  (_, { put }) => put(undefined),
  (dice, { put, schema }) => put(schema ? valueOf(dice, schema) : anything(dice)),
  (dice, { value }) => {
    if (isJsonObject(value))
      replaceField(value as Tree, dice.pick(['extra', '__proto__', 'constructor', 'Name', 'a.b', '', 'metadata']), anything(dice))
  },
  (dice, { value, put }) => {
    if (Array.isArray(value) && value.length > 0) put([...value, structuredClone(dice.pick(value))])
    else if (Array.isArray(value)) put([anything(dice)])
  },
  (dice, { value, put }) => {
    if (Array.isArray(value)) put([...value, null])
    else if (isJsonObject(value)) replaceField(value as Tree, dice.pick(['cpu', 'type', 'name']), null)
  },
  (dice, { schema, put }) => {
    if (schema?.type !== 'string') return
    put(
      dice.pick([
        'x'.repeat((schema.maxLength ?? 10) + 1).slice(0, 20_000),
        '',
        '😀'.repeat(Math.min(schema.maxLength ?? 10, 400)),
        ' ',
        'a\u0000b',
      ]),
    )
  },
  (dice, { schema, put }) => {
    if (schema?.type !== 'integer' && schema?.type !== 'number') return
    const { minimum, maximum } = schema
    put(
      dice.pick([(minimum ?? 0) - 1, (maximum ?? 0) + 1, 1.5, (maximum ?? 10) + 0.5, `${RAW}10.0`, `${RAW}1e1`, `${RAW}1E+2`, `${RAW}-0`]),
    )
  },
  (dice, { value, put }) => {
    if (typeof value === 'string') put(dice.pick([value.toUpperCase(), `${value} `, `${value}\n`, value.slice(1), `${value}${value}`]))
  },
  (dice, { value, put, schema }) => {
    if (Array.isArray(value) && schema?.maxItems && schema.items) {
      const { items } = schema
      put(Array.from({ length: Math.min(schema.maxItems, 40) + 1 }, () => valueOf(dice, items)))
    }
  },
]

/** Changes the tree in place. */
export function mutate(dice: Dice, schema: Schema, tree: Tree): void {
  // The root stays an object of its kind; who it is has mutations of its own.
  const spots = ['spec', 'status', 'extra'].flatMap((name) =>
    Object.hasOwn(tree, name)
      ? spotsOf(schema.properties.get(name) ?? null, tree[name], (next) => replaceField(tree, name, next))
      : [{ schema: null, value: undefined, put: (next: unknown) => replaceField(tree, name, next) }],
  )
  dice.pick(MUTATIONS)(dice, dice.pick(spots))
}

const METADATA: Readonly<Record<string, readonly unknown[]>> = {
  labels: [
    { a: 'b' },
    { a: '' },
    { 'a/': 'x' },
    { '/a': 'x' },
    { 'A.b/c': 'x' },
    { a: 'b c' },
    { a: 'x'.repeat(64) },
    { ['x'.repeat(64)]: 'a' },
    { 'a/b/c': 'x' },
    { '': 'x' },
    { É: 'x' },
    { a: 1 },
    { a: null },
    null,
    [],
    'x',
    { 'example.com/a': 'b.c_d-e' },
    { ['x.'.repeat(127) + 'y/a']: 'b' },
  ],
  annotations: [
    { 'bothy.dev/paused': 'true' },
    { 'Example.com/A': '' },
    { 'a b': 'x' },
    { a: 'x'.repeat(1000) },
    { a: {} },
    { a: null },
    7,
    { a: 'x'.repeat(262_145) },
    { __proto__x: '😀' },
    { '-a': 'x' },
  ],
  finalizers: [
    ['bothy.dev/destroy'],
    ['a'],
    ['a.b'],
    ['a/b/c'],
    [''],
    ['x', 'x'],
    ['orphan', 'foregroundDeletion'],
    [null],
    [1],
    'a',
    ['A/b'],
    [],
  ],
  ownerReferences: [
    [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'u' }],
    [{}],
    [null],
    [{ apiVersion: 'v1', kind: 'Event', name: 'a', uid: 'u' }],
    [{ apiVersion: 'a/b/c', kind: 'X', name: 'a', uid: 'u', controller: true }],
    [{ name: 1 }],
    [{ extra: 1, uid: 'u' }],
    {},
    [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'u', controller: true },
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'b', uid: 'v', controller: true },
    ],
  ],
  name: ['Dev', 'a.b', 'a'.repeat(64), 'a'.repeat(254), '-a', 'a_b', 'É', 7, '', 'a--b', '0'],
  generateName: ['a-', 'A-', 'a.', '', 7, 'a'.repeat(60)],
  namespace: [''],
  creationTimestamp: [null, '2026-11-21T18:30:00Z', 'x', 5],
  generation: [5, 0, '1', 1.5],
  deletionTimestamp: ['2026-11-21T18:30:00Z', null],
  extra: [1, { a: 1 }],
  selfLink: ['/x'],
  managedFields: [[], null],
}

export function mutateMetadata(dice: Dice, metadata: Tree, mayRename: boolean): void {
  const names = Object.keys(METADATA).filter((name) => mayRename || (name !== 'name' && name !== 'generateName' && name !== 'namespace'))
  const name = dice.pick(names)
  replaceField(metadata, name, structuredClone(dice.pick(METADATA[name] ?? [])))
}
