import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { messageOf } from '../controller/kernel/errors.ts'
import { actorIn } from './actor.ts'
import { isTerminalStart } from './messages.ts'
import { FRAME, frameReader, jsonFrame, offsetAndData, offsetFrame, sizeOf, STDIN_WINDOW_BYTES, type ExecRefused } from './protocol.ts'
import { isSignal } from './spawn.ts'
import type { Terminal } from './terminal.ts'
import type { Viewer } from './terminal-viewers.ts'
import type { Terminals } from './terminals.ts'

/** One stream of one viewer: frames in, frames out. What they mean is in protocol/terminal.ts. */
export function serveTerminal(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, terminals: Terminals): void {
  let terminal: Terminal | null = null
  let begun = false
  let early: [number, Buffer][] = []
  const input = { received: 0, given: 0 }

  const viewer: Viewer = {
    by: actorIn(headers),
    send: (frame) => stream.destroyed || stream.writableEnded || stream.write(frame),
    // What was said is said; the viewer need not hang up for the stream to end.
    end: () => void stream.end(() => stream.close()),
  }
  const refuse = (refused: ExecRefused) => void stream.end(jsonFrame(FRAME.refused, refused), () => stream.close())
  const begin = async (payload: Buffer) => {
    begun = true
    const start: unknown = JSON.parse(payload.toString())
    if (!isTerminalStart(start)) return refuse({ code: 2, message: 'The terminal is not one that this agent understands.' })
    const joined = await terminals.join(start, viewer)
    if ('code' in joined) return refuse(joined)
    terminal = joined
    if (stream.destroyed) return joined.detach(viewer)
    for (const [type, bytes] of early) take(joined, type, bytes)
    early = []
  }
  const type = (to: Terminal, payload: Buffer) => {
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
  const take = (to: Terminal, kind: number, payload: Buffer) => {
    if (kind === FRAME.stdin) return type(to, payload)
    if (kind === FRAME.resize) return to.resize(viewer, sizeOf(payload))
    if (kind === FRAME.done) return void stream.end()
    const name = kind === FRAME.signal ? payload.toString() : ''
    if (isSignal(name)) to.signal(name)
  }
  const read = frameReader((kind, payload) => {
    if (!begun && kind === FRAME.start) {
      begin(payload).catch((error: unknown) => refuse({ code: 126, message: `The terminal could not be opened: ${messageOf(error)}` }))
    } else if (terminal) take(terminal, kind, payload)
    else if (begun && early.length < EARLY_FRAMES_MAX) early.push([kind, payload])
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
  stream.on('end', () => stream.end())
  stream.on('drain', () => terminal?.drained(viewer))
  stream.on('close', () => terminal?.detach(viewer))
}

const EARLY_FRAMES_MAX = 64
