import { fieldsOf, REQUEST } from './sftp-codec.ts'
import { closeHandle, greeting, operate, PACKET_BYTES_MAX, type SftpState } from './sftp-operations.ts'
import type { Transport } from './ssh-flow.ts'
import type { ServerChannel } from './ssh-library.ts'

export interface SftpPorts {
  readonly start: string
  readonly home: string
  readonly transport: Transport
  readonly onBytes: (bytesIn: number, bytesOut: number) => void
}

/**
 * SFTP over a channel. One request after another: so a transfer is never reordered, and what waits is never more than the
 * channel's window. The disk is asked by other threads, so this costs little of what can be had.
 */
export function serveSftp(channel: ServerChannel, { start, home, transport, onBytes }: SftpPorts): void {
  const state: SftpState = { start, home, handles: new Map(), nextHandle: 0 }
  const read = packetReader()
  let over = false

  const end = () => {
    if (over) return
    over = true
    for (const handle of state.handles.values()) void closeHandle(handle).catch(() => {})
    state.handles.clear()
  }
  const send = (parts: readonly Buffer[]): Promise<void> =>
    new Promise((resolve) => {
      const last = parts.length - 1
      parts.forEach((part, i) => {
        onBytes(0, part.length)
        channel.write(part, i === last ? () => (transport.full ? transport.whenFree(resolve) : resolve()) : undefined)
      })
    })
  const handle = async (packet: Buffer) => {
    const type = packet[0] ?? 0
    const fields = fieldsOf(packet.subarray(1))
    await send(type === REQUEST.init ? [greeting()] : await operate(state, type, fields))
  }
  const take = async (chunk: Buffer) => {
    onBytes(chunk.length, 0)
    for (const packet of read(chunk)) {
      if (over) return
      await handle(packet)
    }
  }
  const fail = () => {
    end()
    channel.exit(1)
    channel.end()
  }

  // Until a window opens that never does, a write answers to nobody: the end of the channel ends what waits for it.
  let taking: Promise<void> = Promise.resolve()
  channel.on('error', () => {})
  channel.on('data', (chunk: Buffer) => {
    channel.pause()
    taking = take(chunk).then(() => void channel.resume(), fail)
  })
  const finish = () => {
    if (over) return
    end()
    channel.exit(0)
    channel.end()
  }
  channel.on('end', () => void taking.then(finish))
  channel.on('close', end)
}

/** Cuts what arrives into packets. Throws at one that is larger than any may be. */
function packetReader(): (chunk: Buffer) => Iterable<Buffer> {
  let parts: Buffer[] = []
  let bytes = 0
  return function* read(chunk) {
    parts.push(chunk)
    bytes += chunk.length
    for (;;) {
      if (bytes < 4) return
      // Joined only when there is a whole packet: a large one arrives in many pieces.
      if ((parts[0]?.length ?? 0) < 4) parts = [Buffer.concat(parts)]
      const length = parts[0]?.readUInt32BE() ?? 0
      if (length < 1 || length > PACKET_BYTES_MAX) throw new RangeError('a packet of this length is no packet')
      if (bytes < 4 + length) return
      const whole = parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts)
      const rest = whole.subarray(4 + length)
      parts = rest.length > 0 ? [rest] : []
      bytes = rest.length
      yield whole.subarray(4, 4 + length)
    }
  }
}
