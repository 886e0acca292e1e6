import { constants, watch } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { basename } from 'node:path'
import type { AgentEnvironment } from './environment.ts'
import { at, beginWriting, listFolder, makeFolder, moveFile, removeFile, statFile } from './files-operations.ts'
import { pack, unpack } from './files-tar.ts'
import { FilesProblem, problemOf } from './inside.ts'
import { filesAskedIn } from './messages-files.ts'
import { HEADER_FILES, TRAILER_COMPLETE, type FilesAsked, type FilesRefused } from './protocol.ts'
import { answer, type Service } from './serve.ts'

/** Files of the workspace: protocol/files.ts says what can be asked. */

/** At a time: each may hold a few open files. */
const AT_ONCE_MAX = 64
const READ_BYTES = 64 * 1024
const EVENTS_PER_SECOND_MAX = 500

type Bytes = (stream: ServerHttp2Stream, asked: FilesAsked, isComplete: () => boolean) => Promise<void>

export function createFilesService({ home }: Pick<AgentEnvironment, 'home'>): Service {
  let busy = 0
  return (stream, headers) => {
    const asked = filesAskedIn(headerOf(headers))
    if (!asked) return refuse(stream, new FilesProblem('Invalid', 'The operation is not one that this agent understands.'))
    if (busy >= AT_ONCE_MAX) return refuse(stream, new FilesProblem('Busy', `${AT_ONCE_MAX} operations on files are under way already.`))
    busy += 1
    // Heard from the first turn on: a short body is there before anything is opened.
    let complete = false
    stream.on('trailers', (trailers) => (complete = trailers[TRAILER_COMPLETE] === '1'))
    const work = async () => {
      const root = await realpath(asked.root || home)
      await OPERATIONS[asked.op](stream, { ...asked, root }, () => complete)
    }
    void work()
      .catch((error: unknown) => refuse(stream, problemOf(asked.path || '.', error)))
      .finally(() => (busy -= 1))
  }
}

const headerOf = (headers: IncomingHttpHeaders): string => String(headers[HEADER_FILES] ?? '')

const STATUSES: Readonly<Record<FilesProblem['code'], number>> = {
  NotFound: 404,
  Denied: 403,
  Exists: 409,
  Invalid: 400,
  Outside: 400,
  NoSpace: 507,
  Busy: 429,
  Failed: 500,
}

/** What is half said already can only be broken off: its trailer never comes. */
function refuse(stream: ServerHttp2Stream, { code, message }: FilesProblem): void {
  if (stream.headersSent) return stream.close(2)
  const said: FilesRefused = { code, message }
  answer(stream, STATUSES[code], said)
}

const answering =
  (work: (asked: FilesAsked) => Promise<unknown>): Bytes =>
  async (stream, asked) => {
    stream.resume()
    answer(stream, 200, (await work(asked)) ?? {})
  }

const OPERATIONS: Readonly<Record<FilesAsked['op'], Bytes>> = {
  stat: answering(statFile),
  list: answering(listFolder),
  mkdir: answering(makeFolder),
  remove: answering(removeFile),
  move: answering(moveFile),
  read: readFile,
  pack: packFolder,
  watch: watchFolder,
  write: writeFile,
  unpack: async (stream, asked, isComplete) => {
    const done = await at(asked, true, (place) => unpack(place, whole(stream, isComplete)))
    answer(stream, 200, done)
  },
}

async function readFile(stream: ServerHttp2Stream, asked: FilesAsked): Promise<void> {
  await at(asked, true, async ({ path }) => {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const found = await file.stat()
      if (!found.isFile()) throw new FilesProblem('Invalid', `${asked.path} is no file.`)
      const parts = async function* () {
        let left = asked.length ?? Number.POSITIVE_INFINITY
        for (let offset = asked.offset; left > 0;) {
          const { bytesRead, buffer } = await file.read(
            Buffer.allocUnsafe(Math.min(READ_BYTES, left)),
            0,
            Math.min(READ_BYTES, left),
            offset,
          )
          if (bytesRead === 0) return
          offset += bytesRead
          left -= bytesRead
          yield buffer.subarray(0, bytesRead)
        }
      }
      await send(stream, parts(), { 'bothy-size': found.size, 'bothy-mode': found.mode & 0o7777, 'bothy-mtime': Math.round(found.mtimeMs) })
    } finally {
      await file.close()
    }
  })
}

async function packFolder(stream: ServerHttp2Stream, asked: FilesAsked): Promise<void> {
  await at(asked, true, (place) => send(stream, pack(place, place.name === '.' ? '.' : basename(asked.path)), {}))
}

/** With a trailer at the end, and only there. */
async function send(stream: ServerHttp2Stream, parts: AsyncIterable<Buffer>, headers: Readonly<Record<string, number>>): Promise<void> {
  stream.resume()
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream', ...headers }, { waitForTrailers: true })
  let complete = false
  stream.on('wantTrailers', () => (complete && !stream.destroyed ? stream.sendTrailers({ [TRAILER_COMPLETE]: '1' }) : undefined))
  const over = new Promise<void>((resolve) => stream.once('close', resolve))
  for await (const part of parts) {
    if (stream.destroyed) return
    if (!stream.write(part)) await Promise.race([new Promise<void>((resolve) => stream.once('drain', resolve)), over])
  }
  complete = true
  stream.end()
}

/** What arrives, to its end; without the trailer behind it, it was broken off. */
async function* whole(stream: ServerHttp2Stream, isComplete: () => boolean): AsyncGenerator<Buffer> {
  for await (const part of stream) if (Buffer.isBuffer(part)) yield part
  // The end and the trailer come in one frame, and are told one after the other.
  await new Promise((told) => setImmediate(told))
  if (!isComplete()) throw new FilesProblem('Failed', 'The transfer broke off.')
}

async function writeFile(stream: ServerHttp2Stream, asked: FilesAsked, isComplete: () => boolean): Promise<void> {
  await at(asked, true, async (place) => {
    if (place.name === '.') throw new FilesProblem('Invalid', `${asked.path || '.'} is a folder.`)
    const writing = await beginWriting(place, asked.mode, asked.mtimeMs)
    let bytes = 0
    try {
      for await (const part of whole(stream, isComplete)) {
        bytes += part.length
        await writing.write(part)
      }
      await writing.keep()
    } catch (error) {
      await writing.drop()
      throw error
    }
    answer(stream, 200, { bytes })
  })
}

/** A line of JSON for each change of what is directly in a folder; a hint, as the system gives them. */
async function watchFolder(stream: ServerHttp2Stream, asked: FilesAsked): Promise<void> {
  await at(asked, true, async ({ path }) => {
    // A pipe that nobody writes into is opened at once, too: waiting for it would hold up whoever asks for files.
    const folder = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      // Whoever asked may have gone while it was found, and nobody says so again.
      if (!stream.destroyed && !stream.closed) await tellChanges(stream, `/proc/self/fd/${folder.fd}`)
    } finally {
      await folder.close()
    }
  })
}

/** Until nobody wants to know. Throws where the system watches no more. */
async function tellChanges(stream: ServerHttp2Stream, path: string): Promise<void> {
  const over = new Promise<void>((resolve) => stream.once('close', resolve))
  const waiting = new Set<string>()
  const watcher = watch(path, (_event, name) => {
    if (waiting.size < EVENTS_PER_SECOND_MAX) waiting.add(name ?? '')
    if (waiting.size === 1) setImmediate(flush)
  })
  const flush = () => {
    if (stream.destroyed || stream.writableNeedDrain) return
    for (const name of waiting) stream.write(`${JSON.stringify({ name })}\n`)
    waiting.clear()
  }
  watcher.on('error', () => stream.close(2))
  stream.on('drain', flush)
  stream.resume()
  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' })
  await over
  watcher.close()
}
