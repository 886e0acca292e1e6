import type { ServerHttp2Stream } from 'node:http2'
import type { Duplex, Writable } from 'node:stream'

/**
 * What holds a source back. The library writes to its connection without looking whether anybody reads it, and a client
 * may open a window as large as it likes: so it is looked at here, before more is taken from a source.
 */
export interface Transport {
  /** false: the client is gone, and nothing may be said to it any more. */
  readonly alive: boolean
  readonly full: boolean
  /** Calls once when it is no longer full, or over. */
  whenFree(work: () => void): void
  /** What the library writes meanwhile leaves together: a packet is a little more than what HTTP/2 carries at a time. */
  together(work: () => void): void
}

const FULL_BYTES = 1024 * 1024
/** Written to a channel and not yet taken by its client's window. */
const WAITING_BYTES_MAX = 256 * 1024

export function transportOf(stream: ServerHttp2Stream, onOver: () => void): Transport {
  let over = false
  let waiting: (() => void)[] = []
  const wake = () => {
    const woken = waiting
    waiting = []
    for (const work of woken) work()
  }
  stream.on('drain', wake)
  // Before the library hears of it.
  for (const event of ['end', 'close'] as const) {
    stream.prependListener(event, () => {
      over = true
      onOver()
      wake()
    })
  }
  return {
    get alive() {
      return !over && !stream.destroyed
    },
    get full() {
      return !over && !stream.destroyed && stream.writableLength > FULL_BYTES
    },
    whenFree: (work) => (over ? work() : void waiting.push(work)),
    together(work) {
      stream.cork()
      try {
        work()
      } finally {
        stream.uncork()
      }
    },
  }
}

export interface Flow {
  write(to: Writable, data: Buffer): void
  /** Calls when everything written was taken. */
  whenEmpty(work: () => void): void
}

/** From a source that can pause to channels: never more than a little ahead of who reads. */
export function createFlow(transport: Transport, source: { pause(): void; resume(): void }): Flow {
  let waiting = 0
  let held = false
  let onEmpty: (() => void) | null = null
  const look = () => {
    const full = waiting > WAITING_BYTES_MAX || transport.full
    if (full && transport.full) transport.whenFree(look)
    if (full === held) return
    held = full
    if (full) source.pause()
    else source.resume()
  }
  return {
    write(to, data) {
      waiting += data.length
      const taken = () => {
        waiting -= data.length
        look()
        if (waiting === 0) onEmpty?.()
      }
      transport.together(() => to.write(data, taken))
      look()
    },
    whenEmpty(work) {
      onEmpty = work
      if (waiting === 0) work()
    },
  }
}

/** A channel and a connection, each direction with an end of its own. */
export function joinSocket(transport: Transport, channel: Duplex, socket: Duplex, endOutput: () => void, onBytes: () => void): void {
  const flow = createFlow(transport, socket)
  let [channelEnded, socketEnded] = [false, false]
  const closeWhenDone = () => {
    if (channelEnded && socketEnded) channel.end()
  }
  socket.on('data', (data: Buffer) => {
    onBytes()
    flow.write(channel, data)
  })
  channel.on('data', onBytes)
  socket.on('error', () => channel.destroy())
  channel.on('error', () => socket.destroy())
  socket.on('end', () => {
    socketEnded = true
    flow.whenEmpty(() => {
      endOutput()
      closeWhenDone()
    })
  })
  channel.on('end', () => {
    channelEnded = true
    socket.end()
    if (socketEnded) flow.whenEmpty(closeWhenDone)
  })
  socket.on('close', () => {
    if (!socketEnded) channel.destroy()
    else flow.whenEmpty(() => channel.end())
  })
  channel.on('close', () => socket.destroy())
  channel.pipe(socket, { end: false })
}
