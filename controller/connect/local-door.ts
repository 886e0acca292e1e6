import { chmod, open, rm, type FileHandle } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { CONNECT_PATH } from '../../agent/protocol.ts'
import { messageOf, Misconfigured } from '../kernel/errors.ts'
import { makeFolder } from '../kernel/folders.ts'
import type { Log } from '../kernel/log.ts'
import { answerPlainly } from './http-answer.ts'

/**
 * Where agents in containers of this machine knock: a unix socket in a folder of its own, which is mounted into them, so that a
 * container without any network reaches the control plane. Only links of agents are served; their tokens say who they are.
 * The folder stays from start to start and the socket is made anew in it, so what is mounted never becomes stale.
 */
export interface LocalDoor {
  readonly path: string
  close(): Promise<void>
}

export interface LocalDoorOptions {
  /** `<state>/door`. */
  readonly folder: string
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly log: Log
}

const SOCKET = 'agent.sock'
/** Whoever is in a container may be any user: they find the socket by its name, and list nothing. */
const FOLDER_MODE = 0o711
const SOCKET_MODE = 0o666
const CONNECTIONS_MAX = 4096
const PATH_BYTES_MAX = 107

const LIMITS: ServerOptions = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 1_000,
  requireHostHeader: false,
}

export async function openLocalDoor({ folder, upgrade, log }: LocalDoorOptions): Promise<LocalDoor> {
  makeFolder(folder)
  await chmod(folder, FOLDER_MODE)
  const path = join(folder, SOCKET)
  // Of a control plane that was killed; another that lives holds the lock of the state folder.
  await rm(path, { force: true })
  const server = createServer(LIMITS, (_request, response) => response.writeHead(404, { connection: 'close' }).end())
  server.maxConnections = CONNECTIONS_MAX
  server.maxHeadersCount = 64
  server.on('clientError', (_error, socket) => socket.destroy())
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    if (request.url !== CONNECT_PATH) return answerPlainly(socket, 404, 'Only agents are served here.')
    upgrade(request, socket, head)
  })
  const held = await listenAt(server, folder, path)
  await chmod(path, SOCKET_MODE)
  log.debug('the door for agents of this machine is open', { path })
  return {
    path,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await held?.close()
      await rm(path, { force: true })
    },
  }
}

/** The kernel takes short paths only; a longer one is reached through its folder, which stays open as long as the socket. */
async function listenAt(server: Server, folder: string, path: string): Promise<FileHandle | null> {
  const isLong = Buffer.byteLength(path) > PATH_BYTES_MAX
  const held: FileHandle | null = isLong ? await open(folder, 'r') : null
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Misconfigured(`agents cannot be served at ${path}: ${messageOf(error)}`)))
    server.listen(held ? `/proc/self/fd/${held.fd}/${SOCKET}` : path, resolve)
  })
  return held
}
