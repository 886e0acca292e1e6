import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { joinSocket, type Transport } from './ssh-flow.ts'
import { endOutput, openAgentChannel, type Connection } from './ssh-library.ts'

/** The person's keys, as a socket in the workspace that leads back to them. One for a connection, gone with it. */
export interface AuthAgent {
  /** Where the socket is. At once: what is asked next, a command as a rule, is not held back until this is answered. */
  open(): string
  close(): void
}

const CONNECTIONS_MAX = 32

/** Asking for a key is part of what asks. */
const notUse = () => {}

export function createAuthAgent(connection: Connection, transport: Transport): AuthAgent {
  let folder: string | null = null
  let path = ''
  const lead = (socket: Socket) => {
    socket.on('error', () => {})
    if (!transport.alive) return void socket.destroy()
    openAgentChannel(connection, (channel) => {
      if (!channel) return void socket.destroy()
      if (socket.destroyed) return void channel.destroy()
      joinSocket(transport, channel, socket, () => endOutput(channel), notUse)
      socket.resume()
    })
  }
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, lead)
  server.maxConnections = CONNECTIONS_MAX
  server.on('error', () => {})
  server.on('listening', () => chmodSync(path, 0o600))
  return {
    open() {
      if (folder !== null) return path
      folder = mkdtempSync(join(tmpdir(), 'bothy-ssh-'))
      path = join(folder, 'agent.sock')
      server.listen(path)
      return path
    },
    close() {
      if (folder === null) return
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
