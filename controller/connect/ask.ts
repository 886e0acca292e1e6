import { within, type Clock } from '../kernel/clock.ts'
import { Transient } from '../kernel/errors.ts'
import { Misbehaved } from './flood.ts'
import type { Link } from './link.ts'

export interface Answer {
  readonly status: number
  readonly value: unknown
}

const ANSWER_BYTES_MAX = 256 * 1024
const ANSWER_LIMIT_MS = 5000

/** One small question and its answer over an agent's link; what it answers is bounded in size and time. */
export async function ask(link: Pick<Link, 'open'>, clock: Clock, path: string, body: unknown): Promise<Answer> {
  const stream = link.open(path, { 'content-type': 'application/json' })
  const answered = new Promise<Answer>((resolve, reject) => {
    let status = 0
    let bytes = 0
    const parts: Buffer[] = []
    stream.on('response', (headers) => (status = Number(headers[':status'] ?? 0)))
    stream.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes > ANSWER_BYTES_MAX) stream.destroy(new Misbehaved(`the agent's answer to ${path} is too long`))
      else parts.push(part)
    })
    stream.on('end', () => resolve({ status, value: parsed(Buffer.concat(parts).toString()) }))
    stream.on('error', reject)
    stream.on('close', () => reject(new Transient(`the agent broke off its answer to ${path}`)))
    stream.end(JSON.stringify(body))
  })
  const late = () => {
    stream.destroy(new Error('too late'))
    return new Transient(`the agent did not answer ${path} within ${ANSWER_LIMIT_MS / 1000} s`)
  }
  return within(clock, ANSWER_LIMIT_MS, answered, late)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
