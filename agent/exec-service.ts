import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { actorIn } from './actor.ts'
import type { Call } from './call.ts'
import type { Reader } from './call-output.ts'
import type { Calls } from './calls.ts'
import { converse } from './conversation.ts'
import { isExecStart } from './messages.ts'
import { FRAME, jsonFrame, offsetAndData, sizeOf, type ExecRefused } from './protocol.ts'
import { isSignal } from './spawn.ts'

/** One stream of one reader: frames in, frames out. The call itself outlives it. */
export function serveExec(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, calls: Calls): void {
  const by = actorIn(headers)
  const reader: Reader = {
    send: (frame) => stream.destroyed || stream.writableEnded || stream.write(frame),
    end: () => void stream.end(),
  }
  const refuse = (refused: ExecRefused) => void stream.end(jsonFrame(FRAME.refused, refused))
  converse<Call>(stream, {
    failing: 'The command could not be started',
    refuse,
    async begin(start) {
      if (!isExecStart(start)) return { code: 2, message: 'The call is not one that this agent understands.' }
      return calls.join(start, reader, by)
    },
    take(call, type, payload) {
      if (!obey(call, type, payload)) return refuse({ code: 1, message: 'More was sent than the command could take.' })
      if (type !== FRAME.done) return
      calls.forget(call.seen.id)
      stream.end()
    },
    drained: (call) => call.drained(reader),
    left: (call) => call.detach(reader),
  })
}

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
