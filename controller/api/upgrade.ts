import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Refused, Transient } from '../kernel/errors.ts'
import { newUid } from '../kernel/names.ts'
import { addressOf } from './address.ts'
import { failure, refusedBy } from './answer.ts'
import { refuseStrangers, refuseWithoutToken } from './guard.ts'
import type { ApiPorts } from './ports.ts'
import { targetOf } from './resource-path.ts'
import { notServed } from './routes.ts'

/** Connections that become something else: an agent's link, a person's command in a workspace. */

export interface Upgrades {
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
}

const ignore = () => {}

const EXEC_PATH = /\/workspaces\/[^/]+\/exec$/

export function createUpgrades(ports: ApiPorts, hosts: readonly string[]): Upgrades {
  return {
    async handle(request, socket, head) {
      // The connection may break while we look at it; whoever takes it over listens for itself.
      socket.on('error', ignore)
      try {
        await passOn(ports, hosts, request, socket, head)
      } catch (error) {
        refuseUpgrade(ports, socket, error)
      } finally {
        socket.off('error', ignore)
      }
    },
  }
}

async function passOn(ports: ApiPorts, hosts: readonly string[], request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { path, query } = addressOf(request)
  refuseStrangers(request, hosts)
  // An agent shows a token of its own.
  if (path === ports.connect.path) return ports.connect.upgrade(request, socket, head)
  refuseWithoutToken(request, ports.token)
  if (!EXEC_PATH.test(path)) throw notServed(path)
  const target = targetOf(path)
  if (target?.kind.kind !== 'Workspace' || target.subresource !== 'exec') throw notServed(path)
  const { namespace, name } = { namespace: target.namespace ?? '', name: target.name ?? '' }
  const workspace = await ports.cluster.get('Workspace', namespace, name)
  if (!workspace)
    throw new Refused('NotFound', `workspaces.bothy.dev "${name}" not found`, { name, group: 'bothy.dev', kind: 'workspaces' })
  const subject = { uid: workspace.metadata.uid, namespace, name }
  ports.exec({ subject, agentName: query.get('agent'), actor: ports.user }, request, socket, head)
}

const PHRASES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
}

function refuseUpgrade({ log }: ApiPorts, socket: Duplex, error: unknown): void {
  const requestId = newUid()
  const refused = refusedBy(error, requestId)
  if (refused !== error && !(error instanceof Transient)) log.error('a connection could not be handed on', { requestId, error })
  const body = `${JSON.stringify(failure(refused))}\n`
  const head = [
    `HTTP/1.1 ${refused.code} ${PHRASES[refused.code] ?? 'Error'}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
  ]
  if (socket.writable) socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
