import { describe, expect, test } from 'vitest'
import { assert, property, uint8Array } from 'fast-check'
import { decodedProtobuf } from '../../controller/api/protobuf-body.ts'
import { JSON_VALUES_MAX } from '../../crds/schema/parse.ts'
import { Refused } from '../../controller/kernel/errors.ts'
import { bytes, many, mapOf, message, one, string } from '../../controller/kernel/protobuf.ts'

/** What kubectl sends of the kinds it was compiled with. That kubectl's own is read is shown by test/kubectl. */

const envelope = (apiVersion: string, kind: string, raw: Uint8Array): Buffer => {
  const typeMeta = message({ apiVersion: one(1, string), kind: one(2, string) })
  const unknown = message({ typeMeta: one(1, typeMeta), raw: one(2, bytes) })
  return Buffer.concat([Buffer.from('k8s\0'), unknown.encode({ typeMeta: { apiVersion, kind }, raw })])
}

const META = message({ name: one(1, string), labels: mapOf(11, string), finalizers: many(14, string) })
const SECRET = message({ metadata: one(1, META), data: mapOf(2, bytes), type: one(3, string) })

test('a message becomes the object it says, with nothing that was left out', () => {
  const metadata = { name: 'cloud', labels: new Map([['__proto__', 'x']]), finalizers: [] }
  const raw = SECRET.encode({
    metadata,
    data: new Map([
      ['token', Buffer.from('é')],
      ['none', Buffer.alloc(0)],
    ]),
    type: '',
  })
  const object = decodedProtobuf(envelope('v1', 'Secret', raw))
  expect(JSON.stringify(object)).toBe(
    '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"cloud","labels":{"__proto__":"x"}},"data":{"token":"w6k=","none":""}}',
  )
})

const refusal = (body: Buffer): string => {
  try {
    decodedProtobuf(body)
  } catch (error) {
    if (error instanceof Refused) return `${error.code} ${error.message}`
    throw error
  }
  return 'it was taken'
}

describe('refused', () => {
  test('what is no message, and what is none that is read here', () => {
    expect(refusal(Buffer.from('{}'))).toMatch(/^400 .*does not begin/)
    expect(refusal(Buffer.from('k8s\0\x0a\x7f'))).toMatch(/^400 .*message ends inside a field/)
    expect(refusal(envelope('v1', 'Pod', Buffer.alloc(0)))).toBe('415 a Pod is read as application/json only')
  })

  test('whatever the bytes are, they are read or refused', () => {
    assert(
      property(uint8Array({ maxLength: 200 }), (raw) => {
        refusal(envelope('v1', 'Secret', raw))
        refusal(Buffer.concat([Buffer.from('k8s\0'), raw]))
      }),
    )
  })
})

const withFinalizers = (count: number): Buffer =>
  envelope('v1', 'Secret', SECRET.encode({ metadata: { name: 'x', labels: new Map(), finalizers: Array<string>(count).fill('a') } }))

test('a message of no more values than another body may have is read, one of more is refused', () => {
  expect(decodedProtobuf(withFinalizers(JSON_VALUES_MAX - 10))).toMatchObject({
    metadata: { finalizers: { length: JSON_VALUES_MAX - 10 } },
  })
  expect(refusal(withFinalizers(JSON_VALUES_MAX))).toMatch(/^400 .*more fields than may be/)
})
