import { connect as connectTcp, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { CONNECT_PATH, HEADER_AGENT_ID, HEADER_PROTOCOL, HEADER_TOKEN, PROTOCOL, RAW_UPGRADE } from '../../agent/protocol.ts'
import type { Known } from './fleet.ts'

/** An agent that is let in, and then does as it likes: the bare socket after the upgrade. */
export async function letIn(port: number, { id, token }: Known, upgrade: string = RAW_UPGRADE): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  const headers = `${HEADER_AGENT_ID}: ${id}\r\n${HEADER_TOKEN}: ${token}\r\n${HEADER_PROTOCOL}: ${PROTOCOL}\r\n`
  socket.write(`GET ${CONNECT_PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: ${upgrade}\r\n${headers}\r\n`)
  const answer = await new Promise<string>((resolve) => {
    socket.once('data', (data: Buffer) => {
      // What a busy machine is late to read may have the beginning of what follows in it.
      const end = data.indexOf('\r\n\r\n') + 4
      socket.pause()
      if (end < data.length) socket.unshift(data.subarray(end))
      resolve(data.toString('latin1', 0, end))
    })
    socket.once('close', () => resolve(''))
  })
  if (!answer.startsWith('HTTP/1.1 101')) throw new Error(`not let in: ${answer.split('\r\n')[0]}`)
  return socket
}

/** A frame of HTTP/2. */
export function h2Frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export const SETTINGS = h2Frame(4, 0, 0)
export const PING = h2Frame(6, 0, 0, Buffer.alloc(8, 1))

/** Writes the same again and again, as fast as it is taken, until the socket is gone. Answers how many bytes it sent. */
export async function pour(socket: Socket, bytes: Buffer, bytesMax: number): Promise<number> {
  let sent = 0
  while (!socket.destroyed && sent < bytesMax) {
    sent += bytes.length
    if (!socket.write(bytes)) await drained(socket)
  }
  return sent
}

const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
