import type { IncomingMessage } from 'node:http'
import { Refused } from '../kernel/errors.ts'
import { decodedProtobuf, PROTOBUF_TYPE } from './protobuf-body.ts'

export const BODY_BYTES_MAX = 4 * 1024 * 1024
const DEPTH_MAX = 100

export function mediaTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

/** The body as JSON; null where there is none. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const data = await readBytes(request)
  return data.byteLength === 0 ? null : parsed(data)
}

/** An object as one of these types, or as kubectl sends those it was compiled with. */
export async function readBody(request: IncomingMessage, accepted: readonly string[]): Promise<unknown> {
  expectMediaType(request, ...accepted, PROTOBUF_TYPE)
  return mediaTypeOf(request) === PROTOBUF_TYPE ? decodedProtobuf(await readBytes(request)) : readJson(request)
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

function parsed(data: Buffer): unknown {
  const text = data.toString('utf8')
  refuseDeep(text)
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch (error) {
    throw new Refused('BadRequest', `the body is no JSON: ${error instanceof Error ? error.message : ''}`)
  }
}

/** Everything that walks an object recurses; a body of brackets alone must not reach it. */
function refuseDeep(text: string): void {
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i]
    if (quoted) {
      if (char === '\\') i += 1
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') depth -= 1
    if (depth > DEPTH_MAX) throw new Refused('BadRequest', `the body is nested deeper than ${DEPTH_MAX} levels`)
  }
}

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
