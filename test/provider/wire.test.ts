import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type ClientHttp2Session } from 'node:http2'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { reattachEnvironment } from '../../provider/reattach.ts'
import { serveProvider } from '../../provider/serve.ts'
import { bool, bytes, int, many, mapOf, maybe, message, one, string } from '../../controller/kernel/protobuf.ts'
import { getProviderSchema, readDataSource } from '../../provider/wire/tfplugin6.ts'
import { decodeValue, encodeValue, UNKNOWN, type Value } from '../../provider/wire/values.ts'
import { until } from '../support/until.ts'
import { recordingHost } from './host.ts'

const inner = message({ text: one(1, string), number: maybe(2, int) })
const outer = message({
  flag: one(1, bool),
  number: one(2, int),
  text: one(3, string),
  blob: one(16, bytes),
  list: many(17, inner),
  map: mapOf(2000, inner),
  perhaps: maybe(5, inner),
})

const integers = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
const texts = fc.string({ unit: 'grapheme' })
const inners = fc.record({ text: texts, number: fc.option(integers) })
const outers = fc.record({
  flag: fc.boolean(),
  number: integers,
  text: texts,
  blob: fc.uint8Array(),
  list: fc.array(inners),
  map: fc.dictionary(texts, inners).map((each) => new Map(Object.entries(each))),
  perhaps: fc.option(inners),
})

test('a message that was written is read as it was', () => {
  fc.assert(
    fc.property(outers, (values) => {
      const { blob, ...read } = outer.decode(outer.encode(values))
      expect({ ...read, blob: new Uint8Array(blob) }).toEqual(values)
    }),
  )
})

test('bytes that are no message are refused, never read past their end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (garbage) => {
      try {
        outer.decode(garbage)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }),
  )
})

test('fields that nobody knows are skipped', () => {
  const newer = message({ text: one(1, string), more: one(99, int), blob: one(100, bytes) })
  expect(inner.decode(newer.encode({ text: 'a', more: 7, blob: Buffer.from('x') }))).toEqual({ text: 'a', number: null })
})

test('known bytes on the wire', () => {
  expect(outer.encode({ number: 300 }).toString('hex')).toEqual('10ac02')
  expect(outer.encode({ number: -1 }).toString('hex')).toEqual('10ffffffffffffffffff01')
  expect(outer.encode({ perhaps: { text: '', number: 0 } }).toString('hex')).toEqual('2a021000')
})

const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    texts,
    fc.constant(UNKNOWN),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      texts.filter((name) => name !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value

test('a value that was written is read as it was, unknown ones too', () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(decodeValue(encodeValue(value))).toEqual(value)
    }),
  )
  expect(Buffer.from(encodeValue(UNKNOWN)).toString('hex')).toEqual('d40000')
  // A refined unknown: still only something that is not known yet.
  expect(decodeValue(Buffer.from('c7030c81c301', 'hex').subarray(0, 6))).toEqual(UNKNOWN)
})

let folder: string
let socket: string
let server: Awaited<ReturnType<typeof serveProvider>>
let client: ClientHttp2Session
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bothy-wire-'))
  socket = join(folder, 'provider.sock')
  server = await serveProvider(recordingHost(), socket, { clock: systemClock })
  client = connect('http://localhost', { createConnection: () => createConnection(socket) })
})
afterAll(async () => {
  client.destroy()
  await server.close()
  await rm(folder, { recursive: true })
})

function call(method: string, body: Buffer): Promise<{ status: string; message: string; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const stream = client.request({
      ':method': 'POST',
      ':path': `/tfplugin6.Provider/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    let status = ''
    let message = ''
    const told = (headers: Record<string, unknown>) => {
      status = String(headers['grpc-status'] ?? status)
      message = decodeURIComponent(String(headers['grpc-message'] ?? message))
    }
    stream.on('response', told)
    stream.on('trailers', told)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('close', () => resolve({ status, message, body: Buffer.concat(chunks) }))
    stream.end(body)
  })
}

const framed = (bytes: Uint8Array, flag = 0) => {
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(bytes.byteLength, 1)
  return Buffer.concat([prefix, bytes])
}

test('a call is answered with one message and a status of 0', async () => {
  const { status, body } = await call('GetProviderSchema', framed(new Uint8Array()))
  expect(status).toEqual('0')
  expect(body.readUInt32BE(1)).toEqual(body.length - 5)
  expect(getProviderSchema.response.decode(body.subarray(5)).serverCapabilities).toEqual({
    planDestroy: false,
    getProviderSchemaOptional: true,
  })
})

test.each<[string, string, Buffer, string, string]>([
  ['an unknown method', 'GetFunctions', framed(new Uint8Array()), '12', 'no method /tfplugin6.Provider/GetFunctions'],
  ['a compressed request', 'ReadResource', framed(new Uint8Array(), 1), '12', 'compressed requests are not read'],
  ['half a request', 'ReadResource', framed(Buffer.alloc(10)).subarray(0, 9), '13', 'a request must be one whole message'],
  ['an empty request', 'ReadResource', Buffer.alloc(0), '13', 'a request must be one whole message'],
  ['a request that is no message', 'ReadResource', framed(Buffer.from('0affffff0f', 'hex')), '13', 'message ends inside a field'],
])('%s is refused and the next call is answered', async (_, method, body, status, text) => {
  expect(await call(method, body)).toEqual({ status, message: text, body: Buffer.alloc(0) })
  expect((await call('GetProviderSchema', framed(new Uint8Array()))).status).toEqual('0')
})

test('a type that there is none of is a diagnostic, not a failed call', async () => {
  const { status, body } = await call('ReadDataSource', framed(readDataSource.request.encode({ typeName: 'coder_nothing' })))
  expect(status).toEqual('0')
  expect(readDataSource.response.decode(body.subarray(5)).diagnostics.map(({ detail }) => detail)).toEqual([
    'This provider has no data of type "coder_nothing".',
  ])
})

test('garbage in place of HTTP/2 harms nobody else', async () => {
  const garbage = createConnection(socket)
  let closed = false
  garbage.on('close', () => (closed = true))
  garbage.on('error', () => {})
  garbage.resume()
  garbage.write('GET / HTTP/1.1\r\n\r\n'.repeat(100))
  await until('the connection to be dropped', () => closed)
  expect((await call('GetProviderSchema', framed(new Uint8Array()))).status).toEqual('0')
})

test('terraform and tofu find both names of the provider', () => {
  const provider = { Protocol: 'grpc', ProtocolVersion: 6, Pid: 7, Test: true, Addr: { Network: 'unix', String: '/run/x.sock' } }
  expect(JSON.parse(reattachEnvironment('/run/x.sock', 7))).toEqual({
    'registry.terraform.io/bothy/bothy': provider,
    'registry.terraform.io/coder/coder': provider,
    'registry.opentofu.org/bothy/bothy': provider,
    'registry.opentofu.org/coder/coder': provider,
  })
})
