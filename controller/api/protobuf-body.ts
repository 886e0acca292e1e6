import { JSON_VALUES_MAX } from '../../crds/schema/parse.ts'
import { bool, bytes, many, mapOf, maybe, message, one, string, type Message } from '../kernel/protobuf.ts'
import { Refused } from '../kernel/errors.ts'

/**
 * What kubectl sends of the kinds it was compiled with: `create secret`, `create namespace`, `auth can-i`. The answer is JSON
 * in any case.
 *
 *   'k8s\0' │ Unknown{typeMeta{apiVersion, kind}, raw}        raw: the message of that kind
 */

export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf'

const MAGIC = Buffer.from('k8s\0')

const TYPE_META = message({ apiVersion: one(1, string), kind: one(2, string) })
const UNKNOWN = message({ typeMeta: maybe(1, TYPE_META), raw: one(2, bytes) })

const OWNER = message({
  kind: one(1, string),
  name: one(3, string),
  uid: one(4, string),
  apiVersion: one(5, string),
  controller: maybe(6, bool),
  blockOwnerDeletion: maybe(7, bool),
})

const META = message({
  name: one(1, string),
  generateName: one(2, string),
  namespace: one(3, string),
  uid: one(5, string),
  resourceVersion: one(6, string),
  labels: mapOf(11, string),
  annotations: mapOf(12, string),
  ownerReferences: many(13, OWNER),
  finalizers: many(14, string),
})

const metadata = maybe(1, META)

const RESOURCE = message({
  namespace: one(1, string),
  verb: one(2, string),
  group: one(3, string),
  version: one(4, string),
  resource: one(5, string),
  subresource: one(6, string),
  name: one(7, string),
})
const PATH = message({ path: one(1, string), verb: one(2, string) })

/** Numbers as in the .proto files of k8s.io/api; what is not here is the server's to write. */
const KINDS: ReadonlyMap<string, Pick<Message<object>, 'decode'>> = new Map<string, Pick<Message<object>, 'decode'>>([
  ['Namespace', message({ metadata, spec: maybe(2, message({ finalizers: many(1, string) })) })],
  [
    'Secret',
    message({
      metadata,
      data: mapOf(2, bytes),
      type: one(3, string),
      stringData: mapOf(4, string),
      immutable: maybe(5, bool),
    }),
  ],
  ['ConfigMap', message({ metadata, data: mapOf(2, string), binaryData: mapOf(3, bytes), immutable: maybe(4, bool) })],
  ['SelfSubjectReview', message({ metadata })],
  ['SelfSubjectRulesReview', message({ metadata, spec: maybe(2, message({ namespace: one(1, string) })) })],
  [
    'SelfSubjectAccessReview',
    message({ metadata, spec: maybe(2, message({ resourceAttributes: maybe(1, RESOURCE), nonResourceAttributes: maybe(2, PATH) })) }),
  ],
])

export function decodedProtobuf(body: Buffer): unknown {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw unreadable('it does not begin as one of Kubernetes does')
  try {
    const { typeMeta, raw } = UNKNOWN.decode(body.subarray(MAGIC.length), JSON_VALUES_MAX)
    const { apiVersion = '', kind = '' } = typeMeta ?? {}
    const known = KINDS.get(kind)
    if (!known) throw new Refused('UnsupportedMediaType', `a ${kind} is read as application/json only`)
    return { apiVersion, kind, ...plainFields(known.decode(raw, JSON_VALUES_MAX)) }
  } catch (error) {
    if (error instanceof RangeError) throw unreadable(error.message)
    throw error
  }
}

const unreadable = (why: string): Refused => new Refused('BadRequest', `the body is no ${PROTOBUF_TYPE}: ${why}`)

/** What is empty was not written, but for the values of a map. */
const plainFields = (fields: object): object =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => !isNothing(value))
      .map(([name, value]) => [name, plain(value)]),
  )

const isNothing = (value: unknown): boolean =>
  value === null || value === '' || (value instanceof Map && value.size === 0) || (Array.isArray(value) && value.length === 0)

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [String(key), plain(each)]))
  if (Array.isArray(value)) return value.map(plain)
  return typeof value === 'object' && value !== null ? plainFields(value) : value
}
