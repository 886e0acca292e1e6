import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cellOf } from '../../crds/columns.ts'
import { definitionsOf, TYPES_FILE, typesOf } from '../../crds/generate.ts'
import { GROUP, kindOf, KINDS, VERSION, type Kind } from '../../crds/kinds.ts'
import { DEFINITIONS_FILE, readDefinition } from '../../crds/load.ts'
import { field, objectsOf } from '../../crds/schema/load.ts'
import type { Schema } from '../../crds/schema/types.ts'

const OURS = KINDS.filter(({ group }) => group === GROUP)

test('what is generated of the definitions is as they are: npm run generate', () => {
  expect(readFileSync(DEFINITIONS_FILE, 'utf8')).toBe(definitionsOf())
  expect(readFileSync(TYPES_FILE, 'utf8')).toBe(typesOf())
})

test('every definition has its entry in the table', () => {
  const files = readdirSync(new URL('../../crds/', import.meta.url)).filter((file) => file.endsWith('.yaml'))
  expect(files.sort()).toEqual(OURS.map(({ kind }) => `${kind.toLowerCase()}.yaml`).sort())
})

test.each(OURS)('the table and the definition of $kind agree', (kind) => {
  const definition = readDefinition(kind.kind)
  const [version] = objectsOf(field(definition, 'spec', 'versions'))
  expect(field(definition, 'metadata', 'name')).toBe(`${kind.plural}.${GROUP}`)
  expect(field(definition, 'spec', 'group')).toBe(GROUP)
  expect(field(definition, 'spec', 'scope')).toBe(kind.namespaced ? 'Namespaced' : 'Cluster')
  expect(field(definition, 'spec', 'names')).toEqual({
    kind: kind.kind,
    listKind: `${kind.kind}List`,
    plural: kind.plural,
    singular: kind.singular,
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.namespaced ? { categories: ['bothy'] } : {}),
  })
  expect(kind.categories).toEqual(kind.namespaced ? ['bothy'] : [])
  expect(version).toMatchObject({ name: VERSION, served: true, storage: true, subresources: { status: {} } })
})

test.each([
  ['Workspace', 'Workspace'],
  ['workspace', 'Workspace'],
  ['WORKSPACES', 'Workspace'],
  ['ws', 'Workspace'],
  ['workspaces.bothy.dev', 'Workspace'],
  ['tpl', 'Template'],
  ['wsr', 'WorkspaceRequest'],
  ['owners', 'Owner'],
  ['ns', 'Namespace'],
  ['ev', 'Event'],
  ['pod', undefined],
  ['', undefined],
  ['__proto__', undefined],
])('%j means %s', (name, kind) => {
  expect(kindOf(name)?.kind).toBe(kind)
})

const columnsShown = (kind: Kind, wide: boolean) => kind.columns.filter(({ priority }) => wide || priority === 0).map(({ name }) => name)

test('what get shows of a workspace', () => {
  expect(
    columnsShown(
      OURS.find(({ kind }) => kind === 'Workspace')!,
      false,
    ),
  ).toEqual(['State', 'Ready', 'Template', 'Owner', 'Stops', 'Age'])
  expect(
    columnsShown(
      OURS.find(({ kind }) => kind === 'Template')!,
      true,
    ),
  ).toEqual(['Ready', 'Version', 'Workspaces', 'Running', 'Reason', 'Source', 'Age'])
})

/** The schema a column or selector shows: a path that leads nowhere shows nothing for ever. */
const schemaAt = (schema: Schema, path: string): Schema | null =>
  path
    .replaceAll(/\[[^\]]*\]/g, '.[]')
    .split('.')
    .filter(Boolean)
    .reduce<Schema | null>((at, name) => (name === '[]' ? (at?.items ?? null) : (at?.properties.get(name) ?? null)), schema)

test.each(OURS.flatMap((kind) => kind.columns.map((column) => ({ kind, column }))))(
  '$kind.kind: the column $column.name shows a field',
  ({ kind, column }) => {
    if (column.jsonPath === '.metadata.creationTimestamp') return
    const schema = schemaAt(kind.schema, column.jsonPath)
    expect(schema?.type).toBe(column.type === 'date' ? 'string' : column.type)
  },
)

test.each(OURS.flatMap((kind) => kind.selectableFields.map((path) => ({ kind, path }))))(
  '$kind.kind: $path selects by a text',
  ({ kind, path }) => {
    expect(schemaAt(kind.schema, path)?.type).toBe('string')
  },
)

test('a cell is read along its path', () => {
  const object = {
    spec: { owner: 'ada' },
    status: { conditions: [{ type: 'Running' }, { type: 'Ready', status: 'True' }], list: ['a', 'b'] },
  }
  expect(cellOf(object, '.spec.owner')).toBe('ada')
  expect(cellOf(object, '.status.conditions[?(@.type=="Ready")].status')).toBe('True')
  expect(cellOf(object, '.status.list[1]')).toBe('b')
  expect(cellOf(object, '.spec.constructor')).toBeUndefined()
  expect(cellOf(object, '.status.conditions[?(@.type=="Gone")].status')).toBeUndefined()
  expect(() => cellOf(object, '.spec..owner')).toThrow('cannot be followed')
})
