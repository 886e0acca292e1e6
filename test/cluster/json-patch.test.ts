import { describe, expect, test } from 'vitest'
import { jsonPatch } from '../../controller/cluster/json-patch.ts'
import { JSON_DEPTH_MAX } from '../../crds/schema/parse.ts'

/** What operations do to each other. That each does what the API server's does is shown by test/differential. */

const times = (count: number, operation: (i: number) => object): readonly object[] => Array.from({ length: count }, (_, i) => operation(i))

describe('a list of operations', () => {
  test('leaves the document and itself as they were, so that it can be tried again', () => {
    const document = { a: { b: 1 }, list: [1] }
    const operations = [
      { op: 'add', path: '/c', value: { d: [] } },
      { op: 'add', path: '/c/d/-', value: 'x' },
      { op: 'remove', path: '/a/b' },
      { op: 'copy', from: '/c', path: '/e' },
      { op: 'replace', path: '/e/d/0', value: 'y' },
    ]
    const before = structuredClone([document, operations])
    const once = jsonPatch(document, operations)
    expect(once).toEqual({ a: {}, list: [1], c: { d: ['x'] }, e: { d: ['y'] } })
    expect([document, operations]).toEqual(before)
    expect(jsonPatch(document, operations)).toEqual(once)
  })

  test('makes fields of names that every object has', () => {
    const made = jsonPatch({}, [
      { op: 'add', path: '/__proto__', value: { polluted: 'yes' } },
      { op: 'add', path: '/__proto__/more', value: 'yes' },
      { op: 'copy', from: '/__proto__', path: '/constructor' },
    ])
    expect(JSON.stringify(made)).toBe('{"__proto__":{"polluted":"yes","more":"yes"},"constructor":{"polluted":"yes","more":"yes"}}')
    expect('polluted' in {}).toBe(false)
    expect(() => jsonPatch({}, [{ op: 'add', path: '/__proto__/polluted', value: 'yes' }])).toThrow('doc is missing path')
    expect(() => jsonPatch({}, [{ op: 'remove', path: '/toString' }])).toThrow('nonexistent key')
  })

  test.each([
    ['copies of copies', times(40, (i) => ({ op: 'copy', from: '/a', path: `/a/${i}` })), 'exceeds the limit'],
    [
      'copies of a long text',
      [{ op: 'add', path: '/t', value: 'x'.repeat(1e6) }, ...times(9, (i) => ({ op: 'copy', from: '/t', path: `/${i}` }))],
      'exceeds the limit',
    ],
    [
      'moves of all there is',
      [{ op: 'add', path: '/l', value: Array(15_000).fill(0) }, ...times(9, () => ({ op: 'move', from: '/l', path: '/l' }))],
      'exceeds the limit',
    ],
    ['ever deeper values', times(JSON_DEPTH_MAX + 1, (i) => ({ op: 'add', path: '/a'.repeat(i + 1), value: {} })), 'nested deeper'],
  ])('is refused for %s', (_what, operations, why) => {
    expect(() => jsonPatch({ a: {} }, operations)).toThrow(why)
  })
})
