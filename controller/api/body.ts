import type { IncomingMessage } from 'node:http'
import { parseJson, type ParsedJson } from '../../crds/schema/parse.ts'
import { Refused } from '../kernel/errors.ts'
import { decodedProtobuf, PROTOBUF_TYPE } from './protobuf-body.ts'

export const BODY_BYTES_MAX = 4 * 1024 * 1024

export function mediaTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

/** The body as JSON; null where there is none. */
export const readJson = async (request: IncomingMessage): Promise<unknown> => (await readParsed(request)).value

/** The same, with the fields that are there twice. */
export async function readParsed(request: IncomingMessage): Promise<ParsedJson> {
  const data = await readBytes(request)
  return data.byteLength === 0 ? NOTHING : parseJson(data.toString('utf8'))
}

const NOTHING: ParsedJson = { value: null, duplicates: [] }

/** An object as one of these types, or as kubectl sends those it was compiled with. */
export async function readBody(request: IncomingMessage, accepted: readonly string[]): Promise<ParsedJson> {
  expectMediaType(request, ...accepted, PROTOBUF_TYPE)
  if (mediaTypeOf(request) !== PROTOBUF_TYPE) return readParsed(request)
  return { value: decodedProtobuf(await readBytes(request)), duplicates: [] }
}

/** Whoever sends too much is told before it is all read. */
async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > BODY_BYTES_MAX) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    const data = Buffer.from(chunk)
    bytes += data.byteLength
    if (bytes > BODY_BYTES_MAX) throw tooLarge()
    chunks.push(data)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (): Refused => new Refused('RequestEntityTooLarge', `the body must be at most ${BODY_BYTES_MAX} bytes`)

export function expectMediaType(request: IncomingMessage, ...accepted: readonly string[]): void {
  const given = mediaTypeOf(request)
  if (accepted.includes(given) || (given === '' && accepted.includes('application/json'))) return
  if (given === 'application/apply-patch+yaml') {
    throw new Refused('UnsupportedMediaType', 'server-side apply is not available without a cluster: leave --server-side out')
  }
  throw new Refused(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  )
}
