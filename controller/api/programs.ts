import { open, type FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { messageOf, Misconfigured, Refused, Transient } from '../kernel/errors.ts'
import type { Call, Handler, PackedProgram } from './ports.ts'

/** The agent's program for machines that fetch it. It is the same for everybody, so nobody shows a token for it. */

const PATH = /^\/bin\/bothy-agent-(?<os>[a-z0-9]{1,16})-(?<arch>[a-z0-9]{1,16})\.tar\.gz(?<digest>\.sha256)?$/

export const isProgramPath = (path: string): boolean => PATH.test(path)

/** Archives that are being read at a time: each holds a file, a buffer and a connection for as long as its reader likes. */
const READERS_MAX = 128
/** For one reader, however slow. */
const READ_LIMIT_MS = 10 * 60_000
const CHUNK_BYTES = 256 * 1024

export function createProgramRoute(): Handler {
  let readers = 0
  return async (call) => {
    const { os = '', arch = '', digest } = PATH.exec(call.path)?.groups ?? {}
    const packed = await packedFor(call, os, arch)
    if (digest !== undefined) return sendText(call, `${packed.sha256}  bothy-agent-${os}-${arch}.tar.gz\n`)
    if (isKnown(call, packed)) return send(call, 304, packed)
    if (call.method === 'HEAD') return send(call, 200, packed)
    if (readers >= READERS_MAX)
      throw new Refused('ServiceUnavailable', `the agent is being fetched ${READERS_MAX} times already`, { retryAfterSeconds: 5 })
    readers += 1
    try {
      await sendArchive(call, packed)
    } finally {
      readers -= 1
    }
  }
}

async function packedFor({ ports, log }: Call, os: string, arch: string): Promise<PackedProgram> {
  try {
    return await ports.agentProgram({ os, arch })
  } catch (error) {
    if (error instanceof Misconfigured) throw new Refused('NotFound', messageOf(error))
    log.error('the agent could not be packed', { os, arch, error })
    throw new Transient('the agent cannot be packed now; the log of the control plane says why')
  }
}

const tagOf = ({ sha256 }: PackedProgram): string => `"${sha256}"`

const isKnown = ({ request }: Call, packed: PackedProgram): boolean =>
  (request.headers['if-none-match'] ?? '').split(',').some((tag) => ['*', tagOf(packed)].includes(tag.trim().replace(/^W\//, '')))

function send({ response }: Call, code: number, packed: PackedProgram): void {
  const length = code === 304 ? {} : { 'content-length': packed.bytes, 'content-type': 'application/gzip' }
  // Kept by whoever likes, and asked for again each time: another control plane has another one.
  response.writeHead(code, { ...length, etag: tagOf(packed), 'cache-control': 'public, no-cache' })
  if (code !== 200 || response.req.method === 'HEAD') response.end()
}

function sendText({ response, method }: Call, text: string): void {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(text) })
  response.end(method === 'HEAD' ? undefined : text)
}

async function sendArchive(call: Call, packed: PackedProgram): Promise<void> {
  const { ports, response, signal, log } = call
  const file: FileHandle = await open(packed.file, 'r')
  const tooLong = ports.clock.after(READ_LIMIT_MS, () => response.destroy())
  try {
    const { size } = await file.stat()
    if (size !== packed.bytes) throw new Transient('the agent is being packed anew')
    send(call, 200, packed)
    await pipeline(file.createReadStream({ autoClose: false, highWaterMark: CHUNK_BYTES }), response, { signal })
  } catch (error) {
    // Whoever reads it goes away when they like.
    if (!response.headersSent) throw error
    log.debug('the agent was not read to its end', { error: messageOf(error) })
    response.destroy()
  } finally {
    tooLong()
    await file.close()
  }
}
