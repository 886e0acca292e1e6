import { pipeline, Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createGzip } from 'node:zlib'
import type { Call } from './ports.ts'
import { Stalled, write } from './writing.ts'

/**
 * Answers that may be long: written piece by piece, so that others are answered between the pieces, and compressed for who
 * asks for that. A short one is one piece with its length.
 */

const PIECE_LENGTH = 64 * 1024
/** Less than this is sent sooner than it is compressed. As the API server has it. */
const WORTH_COMPRESSING = 128 * 1024

export async function answerLong(
  call: Pick<Call, 'response' | 'request' | 'ports' | 'signal' | 'log'>,
  parts: AsyncIterable<Iterable<string>>,
): Promise<void> {
  const { response, request, ports, signal, log } = call
  const pieces = piecesOf(parts)
  const first = (await pieces.next()).value ?? ''
  const second = (await pieces.next()).value
  if (second === undefined) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(first) })
    response.end(first)
    return
  }
  const zipped = first.length + second.length >= WORTH_COMPRESSING && takesGzip(request.headers['accept-encoding'] ?? '')
  response.setHeader('vary', 'Accept, Accept-Encoding')
  response.writeHead(200, { 'content-type': 'application/json', ...(zipped ? { 'content-encoding': 'gzip' } : {}) })
  const text = inTurns([first, second], pieces)
  try {
    for await (const data of zipped ? compressed(text) : text) {
      if (signal.aborted) break
      await write(response, ports.clock, data)
    }
    if (signal.aborted) response.destroy()
    else response.end()
  } catch (error) {
    if (!(error instanceof Stalled)) throw error
    log.warn('a long answer was cut off: it was not read')
    response.destroy()
  }
}

async function* compressed(text: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, void> {
  // Whichever of both ends early, the other does too; what was wrong is thrown here.
  const zip = pipeline(Readable.from(text), createGzip({ level: 1 }), () => {})
  try {
    yield* zip
  } finally {
    zip.destroy()
  }
}

const takesGzip = (header: string): boolean =>
  header.split(',').some((each) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[\d.]+\s*)?$/i.test(each))

async function* piecesOf(pages: AsyncIterable<Iterable<string>>): AsyncGenerator<string, undefined, void> {
  let piece = ''
  for await (const parts of pages) {
    for (const part of parts) {
      piece += part
      if (piece.length < PIECE_LENGTH) continue
      yield piece
      piece = ''
    }
  }
  if (piece !== '') yield piece
  return undefined
}

async function* inTurns(begun: readonly string[], rest: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  yield* begun
  for await (const piece of rest) {
    await nextTurn()
    yield piece
  }
}

/** `{"kind": …, "items": [` then the items, page by page and one at a time: nothing that long is ever one string. */
export async function* listText(
  head: object,
  name: string,
  pages: AsyncIterable<Iterable<object>>,
): AsyncGenerator<Iterable<string>, void, void> {
  yield [`${JSON.stringify(head).slice(0, -1)},${JSON.stringify(name)}:[`]
  let between = ''
  const written = (item: object): string => {
    const text = between + JSON.stringify(item)
    between = ','
    return text
  }
  for await (const page of pages) yield Iterator.from(page).map(written)
  yield [']}\n']
}
