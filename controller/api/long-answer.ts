import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createGzip } from 'node:zlib'
import { messageOf } from '../kernel/errors.ts'
import type { Call } from './ports.ts'

/**
 * Answers that may be long: written piece by piece, so that others are answered between the pieces, and compressed for who
 * asks for that. A short one is one piece with its length.
 */

const PIECE_LENGTH = 64 * 1024
/** Less than this is sent sooner than it is compressed. As the API server has it. */
const WORTH_COMPRESSING = 128 * 1024
/** Whoever reads so slowly can ask for pages. */
const LIMIT_MS = 120_000

export async function answerLong(
  call: Pick<Call, 'response' | 'request' | 'ports' | 'signal' | 'log'>,
  parts: Iterable<string>,
): Promise<void> {
  const { response, request } = call
  const pieces = piecesOf(parts)
  const first = pieces.next().value ?? ''
  const second = pieces.next().value
  if (second === undefined) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(first) })
    response.end(first)
    return
  }
  const third = pieces.next().value
  const zipped = first.length + second.length >= WORTH_COMPRESSING && takesGzip(request.headers['accept-encoding'] ?? '')
  response.setHeader('vary', 'Accept, Accept-Encoding')
  response.writeHead(200, { 'content-type': 'application/json', ...(zipped ? { 'content-encoding': 'gzip' } : {}) })
  const begun = [first, second, ...(third === undefined ? [] : [third])]
  await send(call, Readable.from(inTurns(begun, pieces), { objectMode: false, highWaterMark: PIECE_LENGTH }), zipped)
}

async function send({ ports, response, signal, log }: Parameters<typeof answerLong>[0], text: Readable, zipped: boolean): Promise<void> {
  const ended = new AbortController()
  const end = () => ended.abort()
  signal.addEventListener('abort', end, { once: true })
  const cancel = ports.clock.after(LIMIT_MS, end)
  try {
    if (zipped) await pipeline(text, createGzip({ level: 1 }), response, { signal: ended.signal })
    else await pipeline(text, response, { signal: ended.signal })
  } catch (error) {
    log.debug('a long answer was not read to its end', { error: messageOf(error) })
    response.destroy()
  } finally {
    cancel()
    signal.removeEventListener('abort', end)
  }
}

const takesGzip = (header: string): boolean =>
  header.split(',').some((each) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[\d.]+\s*)?$/i.test(each))

function* piecesOf(parts: Iterable<string>): Generator<string, undefined, void> {
  let piece = ''
  for (const part of parts) {
    piece += part
    if (piece.length < PIECE_LENGTH) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
  return undefined
}

async function* inTurns(begun: readonly string[], rest: Iterable<string>): AsyncGenerator<string, void, void> {
  yield* begun
  for (const piece of rest) {
    await nextTurn()
    yield piece
  }
}

/** `{"kind": …, "items": [` then the items, one at a time: nothing that long is ever one string. */
export function* listText(head: object, name: string, items: Iterable<object>): Generator<string, void, void> {
  yield `${JSON.stringify(head).slice(0, -1)},${JSON.stringify(name)}:[`
  let between = ''
  for (const item of items) {
    yield between + JSON.stringify(item)
    between = ','
  }
  yield ']}\n'
}
