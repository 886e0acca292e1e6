import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { actorIn } from './actor.ts'
import { converse } from './conversation.ts'
import { isTerminalStart } from './messages.ts'
import { FRAME, jsonFrame, offsetAndData, offsetFrame, sizeOf, STDIN_WINDOW_BYTES, type ExecRefused } from './protocol.ts'
import { isSignal } from './spawn.ts'
import type { Terminal } from './terminal.ts'
import type { Viewer } from './terminal-viewers.ts'
import type { Terminals } from './terminals.ts'

/** One stream of one viewer: frames in, frames out. What they mean is in protocol/terminal.ts. */
export function serveTerminal(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, terminals: Terminals): void {
  const input = { received: 0, given: 0 }
  const viewer: Viewer = {
    by: actorIn(headers),
    send: (frame) => stream.destroyed || stream.writableEnded || stream.write(frame),
    // What was said is said; the viewer need not hang up for the stream to end.
    end: () => void stream.end(() => stream.close()),
  }
  const refuse = (refused: ExecRefused) => void stream.end(jsonFrame(FRAME.refused, refused), () => stream.close())
  const typed = (to: Terminal, payload: Buffer) => {
    const { offset, data } = offsetAndData(payload)
    const fresh = data.subarray(Math.max(0, input.received - offset))
    if (offset > input.received || input.received - input.given + fresh.length > STDIN_WINDOW_BYTES)
      return refuse({ code: 1, message: 'More was sent than the terminal could take.' })
    input.received += fresh.length
    const given = () => {
      input.given += fresh.length
      viewer.send(offsetFrame(FRAME.stdinAck, input.given))
    }
    if (fresh.length > 0) void to.type(viewer, fresh).then(given, () => {})
  }
  converse<Terminal>(stream, {
    failing: 'The terminal could not be opened',
    refuse,
    async begin(start) {
      if (!isTerminalStart(start)) return { code: 2, message: 'The terminal is not one that this agent understands.' }
      return terminals.join(start, viewer)
    },
    take(terminal, type, payload) {
      if (type === FRAME.stdin) return typed(terminal, payload)
      if (type === FRAME.resize) return terminal.resize(viewer, sizeOf(payload))
      if (type === FRAME.done) return void stream.end()
      const name = type === FRAME.signal ? payload.toString() : ''
      if (isSignal(name)) terminal.signal(name)
    },
    drained: (terminal) => terminal.drained(viewer),
    left: (terminal) => terminal.detach(viewer),
  })
}
