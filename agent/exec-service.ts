import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { messageOf } from '../controller/kernel/errors.ts'
import { actorIn } from './actor.ts'
import type { Call } from './call.ts'
import type { Reader } from './call-output.ts'
import type { Calls } from './calls.ts'
import { isExecStart } from './messages.ts'
import { FRAME, frameReader, jsonFrame, offsetAndData, sizeOf, type ExecRefused } from './protocol.ts'
import { isSignal } from './spawn.ts'

/** One stream of one reader: frames in, frames out. The call itself outlives it. */
export function serveExec(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, calls: Calls): void {
  const by = actorIn(headers)
  let call: Call | null = null
  let begun = false
  /** Frames that came while the command was being started. */
  let early: [number, Buffer][] = []

  const reader: Reader = {
    send: (frame) => stream.destroyed || stream.writableEnded || stream.write(frame),
    end: () => void stream.end(),
  }
  const refuse = (refused: ExecRefused) => void stream.end(jsonFrame(FRAME.refused, refused))
  const begin = async (payload: Buffer) => {
    begun = true
    const start: unknown = JSON.parse(payload.toString())
    if (!isExecStart(start)) return refuse({ code: 2, message: 'The call is not one that this agent understands.' })
    const joined = await calls.join(start, reader, by)
    if ('code' in joined) return refuse(joined)
    call = joined
    if (stream.destroyed) return joined.detach(reader)
    for (const [type, bytes] of early) take(joined, type, bytes)
    early = []
  }
  const take = (to: Call, type: number, payload: Buffer) => {
    if (!obey(to, type, payload)) return refuse({ code: 1, message: 'More was sent than the command could take.' })
    if (type === FRAME.done) {
      calls.forget(to.seen.id)
      stream.end()
    }
  }
  const read = frameReader((type, payload) => {
    if (!begun && type === FRAME.start) {
      begin(payload).catch((error: unknown) => refuse({ code: 126, message: `The command could not be started: ${messageOf(error)}` }))
    } else if (call) take(call, type, payload)
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
  // Half closed: the reader has left.
  stream.on('end', () => stream.end())
  stream.on('drain', () => call?.drained(reader))
  stream.on('close', () => call?.detach(reader))
}

const EARLY_FRAMES_MAX = 64

function obey(call: Call, type: number, payload: Buffer): boolean {
  if (type === FRAME.stdin) {
    const { offset, data } = offsetAndData(payload)
    return call.input(offset, data)
  }
  if (type === FRAME.ack) call.acknowledge(offsetAndData(payload).offset)
  if (type === FRAME.eof) call.endInput()
  if (type === FRAME.resize) {
    const { cols, rows } = sizeOf(payload)
    call.resize(cols, rows)
  }
  if (type === FRAME.signal) {
    const name = payload.toString()
    if (isSignal(name)) call.signal(name)
  }
  return true
}
