import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isRefused } from '../../controller/kernel/errors.ts'
import { GROUP, KINDS, type Kind } from '../../crds/kinds.ts'
import { decode } from '../../crds/schema/decode.ts'
import { admit } from '../../crds/schema/index.ts'
import type { Schema } from '../../crds/schema/types.ts'

/** Values near what a schema means: mostly of the right shape, sometimes anything. */
const valuesOf = (schema: Schema): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: likely(schema) }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })

function likely(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum)
  switch (schema.type) {
    case 'string':
      return schema.format === 'date-time'
        ? fc.constantFrom('2026-11-21T00:00:00Z', '2026-02-30T00:00:00Z', 'never')
        : fc.constantFrom('node', '8h', '0s', '90s', '7d', '', `sha256:${'0'.repeat(64)}`, '0 9 * * 1-5', '__proto__', 'É😀', '*')
    case 'integer':
    case 'number':
      return fc.constantFrom(0, 1, 16, -1, 1.5, 2 ** 53)
    case 'boolean':
      return fc.boolean()
    case 'array':
      return schema.items ? fc.array(valuesOf(schema.items), { maxLength: 3 }) : fc.constant([])
    case 'object':
      return schema.additionalProperties
        ? fc.dictionary(fc.constantFrom('a', 'b.c', 'constructor', '__proto__'), valuesOf(schema.additionalProperties), { maxKeys: 3 })
        : fc.record(Object.fromEntries([...schema.properties].map(([name, child]) => [name, valuesOf(child)])), {
            requiredKeys: [...schema.required],
          })
    case null:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

const objectsOf = (kind: Kind): fc.Arbitrary<Readonly<Record<string, unknown>>> =>
  fc.record({
    apiVersion: fc.constant(kind.apiVersion),
    kind: fc.constant(kind.kind),
    metadata: fc.oneof(fc.constant({ name: 'dev' }), fc.constant({ name: 'dev', labels: { a: 'b' } })),
    spec: valuesOf(kind.schema.properties.get('spec')!),
    status: valuesOf(kind.schema.properties.get('status')!),
  })

function admitted(kind: Kind, draft: unknown, old: unknown, options: object = {}): Readonly<Record<string, unknown>> | null {
  try {
    return admit(kind, draft, old, options).object
  } catch (error) {
    if (isRefused(error)) return null
    throw error
  }
}

const OURS = KINDS.filter(({ group }) => group === GROUP)

test.each(OURS)('whatever a $kind looks like, it is admitted or refused, never a crash', (kind) => {
  fc.assert(
    fc.property(objectsOf(kind), objectsOf(kind), (one, other) => {
      admitted(kind, one, null)
      admitted(kind, one, other)
      admitted(kind, one, other, { subresource: 'status' })
    }),
    { numRuns: 80 },
  )
})

test.each(OURS)('a $kind that was admitted is admitted again as it is', (kind) => {
  fc.assert(
    fc.property(objectsOf(kind), (draft) => {
      const first = admitted(kind, draft, null)
      if (!first) return
      expect(admitted(kind, first, null)).toEqual(first)
      expect(admitted(kind, first, first)).toEqual(first)
    }),
    { numRuns: 80 },
  )
})

test.each(OURS)('reading a $kind twice is reading it once', (kind) => {
  fc.assert(
    fc.property(objectsOf(kind), ({ spec, status }) => {
      const body = { spec, status }
      const once = decode(kind.schema, body)
      expect(decode(kind.schema, once.value)).toEqual({ value: once.value, unknown: [] })
    }),
    { numRuns: 80 },
  )
})
