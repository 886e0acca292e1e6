import type { ServerHttp2Stream } from 'node:http2'
import { messageOf } from '../controller/kernel/errors.ts'
import { FRAME, frameReader, type ExecRefused } from './protocol.ts'

/** What a stream of frames is about: a command or a terminal that outlives whoever talks to it. */
export interface Conversation<Topic extends object> {
  /** The first frame: what is meant. Answers the topic, or why there is none. */
  begin(start: unknown): Promise<Topic | ExecRefused>
  take(topic: Topic, type: number, payload: Buffer): void
  refuse(refused: ExecRefused): void
  /** The stream takes more again. */
  drained(topic: Topic): void
  /** Nobody reads any more. */
  left(topic: Topic): void
  /** Said before the reason where beginning fails. */
  readonly failing: string
}

const EARLY_FRAMES_MAX = 64

/** One stream of frames, from its first one to its end. Whatever is no frame closes it, and harms nothing else. */
export function converse<Topic extends object>(stream: ServerHttp2Stream, about: Conversation<Topic>): void {
  let topic: Topic | null = null
  let begun = false
  /** Frames that came while it was begun. */
  let early: [number, Buffer][] = []

  const begin = async (payload: Buffer) => {
    begun = true
    const found = await about.begin(JSON.parse(payload.toString()))
    if (isRefused(found)) return about.refuse(found)
    topic = found
    if (stream.destroyed) return about.left(found)
    for (const [type, bytes] of early) about.take(found, type, bytes)
    early = []
  }
  const read = frameReader((type, payload) => {
    if (!begun && type === FRAME.start) {
      begin(payload).catch((error: unknown) => about.refuse({ code: 126, message: `${about.failing}: ${messageOf(error)}` }))
    } else if (topic) about.take(topic, type, payload)
    else if (begun && early.length < EARLY_FRAMES_MAX) early.push([type, payload])
    else stream.close()
  })

  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' })
  stream.on('data', (chunk: Buffer) => {
    try {
      read(chunk)
    } catch {
      stream.close()
    }
  })
  // Half closed: whoever talked has left.
  stream.on('end', () => stream.end())
  stream.on('drain', () => topic && about.drained(topic))
  stream.on('close', () => topic && about.left(topic))
}

const isRefused = <Topic extends object>(found: Topic | ExecRefused): found is ExecRefused => 'code' in found && 'message' in found
