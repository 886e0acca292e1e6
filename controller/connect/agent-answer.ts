import type { ClientHttp2Stream } from 'node:http2'
import { within, type Clock } from '../kernel/clock.ts'
import { Refused, Transient } from '../kernel/errors.ts'

const ANSWER_LIMIT_MS = 20_000
const REFUSAL_BYTES_MAX = 4096

/** Resolves when the agent accepted the stream; its bytes are still to be read. Throws what it said otherwise. */
export async function answeredWell(stream: ClientHttp2Stream, clock: Clock, action: string): Promise<void> {
  const late = () => new Transient(`the agent did not answer within ${ANSWER_LIMIT_MS / 1000} s`)
  const status = await within(clock, ANSWER_LIMIT_MS, statusOf(stream), late)
  if (status === 200) return
  if (status === 404)
    throw new Refused(
      'Conflict',
      `The agent of the workspace is too old for ${action}: restart the workspace to give it the one of this control plane.`,
    )
  const said = await within(clock, ANSWER_LIMIT_MS, messageIn(stream), late)
  if (status === 400) throw new Refused('BadRequest', said)
  if (status === 429) throw new Refused('TooManyRequests', said)
  // Nothing is there: trying again at once does not help, as it would with an agent that is coming back.
  if (status === 502) throw new Refused('NotFound', said)
  throw new Refused('ServiceUnavailable', said)
}

function statusOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve(Number(headers[':status'] ?? 0)))
    stream.once('close', () => reject(new Transient('the agent of the workspace was lost')))
  })
}

function messageIn(stream: ClientHttp2Stream): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const done = () => resolve(saidIn(text))
    stream.on('data', (part: Buffer) => {
      text += part.toString().slice(0, REFUSAL_BYTES_MAX - text.length)
    })
    stream.once('end', done)
    stream.once('close', done)
  })
}

function saidIn(text: string): string {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string') return value.message
  } catch {
    // Cut short, or no JSON: the sentence below has to do.
  }
  return 'The agent of the workspace refused the connection.'
}
