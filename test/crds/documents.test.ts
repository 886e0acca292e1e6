import { expect, test } from 'vitest'
import { DOCUMENT_BYTES_MAX, readDocuments } from '../../crds/documents.ts'
import { writeYaml } from '../../crds/write-yaml.ts'

const TWO = `# a comment
apiVersion: bothy.dev/v1alpha1
kind: Workspace
metadata:
  name: dev
  annotations:
    bothy.dev/paused: "true"
spec:
  parameters: {cpu: "2", mem.max: "4"}
  versions:
    - name: a
    - {name: b,
       value: c}
---
kind: Owner
metadata: {name: ada}
---
`

test('every document of a file is read, an empty one at the end is none', () => {
  const { documents, problems } = readDocuments(TWO, 'dev.yaml')
  expect(problems).toEqual([])
  expect(documents.map(({ object, line }) => [object['kind'], line])).toEqual([
    ['Workspace', 2],
    ['Owner', 15],
  ])
})

test('a list of objects is as many documents, each at its own place', () => {
  const text =
    'apiVersion: v1\nkind: List\nitems:\n- kind: Owner\n  spec: {user: ada}\n- 7\n- kind: WorkspaceList\n  apiVersion: a/b\n  items:\n  - metadata: {name: dev}\n'
  const { documents, problems } = readDocuments(text, 'list.yaml')
  expect(documents.map(({ object, line, column }) => [object, line, column])).toEqual([
    [{ kind: 'Owner', spec: { user: 'ada' } }, 4, 3],
    [{ apiVersion: 'a/b', kind: 'Workspace', metadata: { name: 'dev' } }, 10, 5],
  ])
  expect(documents.map(({ positionOf }) => [positionOf('spec.user'), positionOf('metadata.name')])).toEqual([
    [
      { line: 5, column: 10 },
      { line: 4, column: 3 },
    ],
    [
      { line: 10, column: 5 },
      { line: 10, column: 16 },
    ],
  ])
  expect(problems).toEqual([{ file: 'list.yaml', line: 6, column: 3, message: expect.stringContaining('must be an object') }])
  expect(readDocuments('kind: List\napiVersion: v1\nitems: []\n', 'none.yaml')).toEqual({ documents: [], problems: [] })
})

test.each([
  ['', 2, 1],
  ['metadata.name', 5, 3],
  ['metadata.annotations.bothy.dev/paused', 7, 5],
  ['metadata.annotations[bothy.dev/paused]', 7, 5],
  ['spec.parameters.cpu', 9, 16],
  ['spec.parameters[cpu]', 9, 16],
  ['spec.parameters.mem.max', 9, 26],
  ['spec.versions', 10, 3],
  ['spec.versions[0]', 11, 7],
  ['spec.versions[1].value', 13, 8],
  ['spec.versions[7].name', 10, 3],
  ['spec.owner', 8, 1],
  ['status.conditions[0].reason', 2, 1],
])('%j is at line %d, column %d, or nearest to it', (path, line, column) => {
  const [document] = readDocuments(TWO, 'dev.yaml').documents
  expect(document?.positionOf(path)).toEqual({ line, column })
})

test('positions count from the beginning of the file, not of the document', () => {
  const [, owner] = readDocuments(TWO, 'dev.yaml').documents
  expect(owner?.positionOf('metadata.name')).toEqual({ line: 16, column: 12 })
})

test.each([
  ['a key twice', 'a: 1\nb: 2\na: 3\n', 3, 1, 'the key a is given twice'],
  ['a tab', 'a:\n\tb: 1\n', 2, 1, 'a tab cannot indent YAML: use spaces'],
  ['a bracket left open', 'a: [1, 2\nb: 3\n', 2, 1, 'Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ['a tag', 'a: !env TOKEN\n', 1, 4, 'tags have no meaning here: Unresolved tag: !env'],
  ['a list', '- a\n', 1, 1, 'a document must be an object with apiVersion, kind and metadata'],
  ['a sentence', 'hello world', 1, 1, 'a document must be an object with apiVersion, kind and metadata'],
  ['an alias to nothing', 'a: *b\n', 1, 4, 'there is no anchor &b before this alias'],
])('%s is a problem with its place', (_, text, line, column, message) => {
  const { documents, problems } = readDocuments(text, 'x.yaml')
  expect(documents).toEqual([])
  expect(problems[0]).toMatchObject({ file: 'x.yaml', line, column })
  expect(problems[0]?.message).toContain(message)
})

test('a wrong document does not hide the others', () => {
  const { documents, problems } = readDocuments('kind: A\n---\nb: [\n---\nkind: C\n', 'x.yaml')
  expect(documents.map(({ object }) => object['kind'])).toEqual(['A', 'C'])
  expect(problems.length).toBeGreaterThan(0)
})

test('an alias bomb is refused at once', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[i]}`).join(',')}]`),
  ]
  const { documents, problems } = readDocuments(bomb.join('\n'), 'bomb.yaml')
  expect(documents).toEqual([])
  expect(problems[0]?.message).toBe('uses aliases more than 100 times over')
})

test('anchors and merge keys that people do use are read', () => {
  const [document] = readDocuments('base: &base {a: 1}\nmore: {<<: *base, b: 2}\n', 'x.yaml').documents
  expect(document?.object['more']).toEqual({ a: 1, b: 2 })
})

test('what is nested too deeply is a problem, not a crash', () => {
  const { documents, problems } = readDocuments(`a: ${'['.repeat(100_000)}`, 'x.yaml')
  expect(documents).toEqual([])
  expect(problems[0]?.message).toBe('is nested too deeply')
})

test('very many keys are read in time that grows with them, not with their square', () => {
  const text = `a:\n${Array.from({ length: 30_000 }, (_, index) => `  k${index}: 1`).join('\n')}\n  k0: 2\n`
  expect(readDocuments(text, 'x.yaml').problems).toEqual([
    { file: 'x.yaml', line: 30_002, column: 3, message: 'the key k0 is given twice' },
  ])
}, 10_000)

test('a file beyond the limit is not read', () => {
  expect(readDocuments(`a: ${'x'.repeat(DOCUMENT_BYTES_MAX)}`, 'x.yaml').problems).toEqual([
    { file: 'x.yaml', line: 1, column: 1, message: 'is larger than 3 MiB' },
  ])
  expect(readDocuments('a: 1\n---\n'.repeat(1001), 'x.yaml').problems[0]?.message).toBe('has more than 1000 documents')
})

const cafeIn = (encoding: BufferEncoding) => readDocuments(Buffer.from('kind: A\nname: café\n', encoding).toString('utf8'), 'x.yaml')

test('bytes that are no UTF-8 are not declared as something else', () => {
  expect(cafeIn('utf8').problems).toEqual([])
  const message = 'is no UTF-8: save the file in that encoding'
  expect(cafeIn('latin1')).toEqual({ documents: [], problems: [{ file: 'x.yaml', line: 2, column: 10, message }] })
})

test('the name __proto__ is a key as any other', () => {
  const [document] = readDocuments('__proto__: {polluted: true}\nkind: A\n', 'x.yaml').documents
  expect(Object.getOwnPropertyNames(document?.object)).toEqual(['__proto__', 'kind'])
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

test('what is written can be read, and reads well', () => {
  const object = { kind: 'Workspace', spec: { parameters: { cpu: '2', on: 'true' }, list: [{ a: 1 }], long: 'x '.repeat(100) } }
  const text = writeYaml(object)
  expect(text).toContain('  parameters:\n    cpu: "2"\n    on: "true"\n')
  expect(readDocuments(text, 'x.yaml').documents[0]?.object).toEqual(object)
})
