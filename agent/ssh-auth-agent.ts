import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { joinSocket, type Transport } from './ssh-flow.ts'
import { endOutput, openAgentChannel, type Connection } from './ssh-library.ts'

/** The person's keys, as a socket in the workspace that leads back to them. One for a connection, gone with it. */
export interface AuthAgent {
  /** Where the socket is. */
  open(): Promise<string>
  close(): void
}

const CONNECTIONS_MAX = 32

export function createAuthAgent(connection: Connection, transport: Transport): AuthAgent {
  let opening: Promise<string> | null = null
  let server: Server | null = null
  let folder: string | null = null
  let closed = false
  const lead = (socket: Socket) => {
    socket.on('error', () => {})
    openAgentChannel(connection, (channel) => {
      if (!channel) return void socket.destroy()
      if (socket.destroyed) return void channel.destroy()
      joinSocket(
        transport,
        channel,
        socket,
        () => endOutput(channel),
        () => {},
      )
      socket.resume()
    })
  }
  const begin = async () => {
    folder = await mkdtemp(join(tmpdir(), 'bothy-ssh-'))
    const path = join(folder, 'agent.sock')
    server = await listening(path, lead)
    await chmod(path, 0o600)
    if (closed) cleanUp()
    return path
  }
  const cleanUp = () => {
    server?.close()
    if (folder) void rm(folder, { recursive: true, force: true }).catch(() => {})
  }
  return {
    open: () => (opening ??= begin()),
    close() {
      closed = true
      cleanUp()
    },
  }
}

function listening(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection)
  server.maxConnections = CONNECTIONS_MAX
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(path, () => resolve(server))
  })
}
