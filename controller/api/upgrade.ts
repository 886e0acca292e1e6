import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { isBridged } from '../connect/bridged-services.ts'
import { Refused, Transient } from '../kernel/errors.ts'
import { newUid } from '../kernel/names.ts'
import { addressOf } from './address.ts'
import { failure, refusedBy } from './answer.ts'
import { callerOf, NOBODY, refuseStrangers, refuseWithoutRight } from './guard.ts'
import type { Pass, Passes } from '../store/passes.ts'
import type { ApiPorts, Caller, DoorPorts } from './ports.ts'
import { notServed, targetOf } from './resource-path.ts'
import { type Staying } from './staying.ts'
import { refuseStopped } from './stopped.ts'
import { notReady } from './system.ts'
import { wishOf } from './wish.ts'

/** Connections that become something else: an agent's link, a person's way into a workspace. */

export interface Upgrades {
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
}

const ignore = () => {}

/** `opened` answers null while there is nothing yet to hand a connection on to. */
export function createUpgrades(door: DoorPorts, opened: () => ApiPorts | null, hosts: readonly string[], staying: Staying): Upgrades {
  return {
    async handle(request, socket, head) {
      // It may break while we look at it, and while it is told that it is refused: unheard, that would end this process.
      socket.on('error', ignore)
      try {
        refuseStrangers(request, hosts)
        const ports = opened()
        if (!ports) throw notReady()
        await passOn(ports, staying, request, socket, head)
      } catch (error) {
        refuseUpgrade(door, socket, error)
      }
    },
  }
}

async function passOn(ports: ApiPorts, staying: Staying, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { path, query } = addressOf(request)
  // An agent shows a token of its own.
  if (path === ports.connect.path) return ports.connect.upgrade(request, socket, head)
  const { caller, pass } = await whoUpgrades(ports, request, path, query)
  // Before anything else is waited for: whoever may not any more from here on is cut.
  if (pass && ports.browser) cutWithSession(ports.browser.passes, pass, socket)
  if (!socket.destroyed)
    socket.once(
      'close',
      staying.add(caller, wishOf(request.method ?? '', path, query, true), () => void socket.destroy()),
    )
  const target = targetOf(path)
  const service = target?.subresource ?? null
  if (target?.kind.kind !== 'Workspace' || !isBridged(service)) throw notServed(path)
  const { namespace, name } = { namespace: target.namespace ?? '', name: target.name ?? '' }
  const workspace = await ports.cluster.get('Workspace', namespace, name)
  if (!workspace)
    throw new Refused('NotFound', `workspaces.bothy.dev "${name}" not found`, { name, group: 'bothy.dev', kind: 'workspaces' })
  refuseStopped(workspace)
  const subject = { uid: workspace.metadata.uid, namespace, name }
  if (socket.destroyed) return
  ports.enter({ subject, agentName: query.get('agent'), actor: caller.user, service, query }, request, socket, head)
}

/** A browser cannot send a token with a WebSocket: it shows a ticket that is good once, for this path. */
async function whoUpgrades(ports: ApiPorts, request: IncomingMessage, path: string, query: URLSearchParams): Promise<Entrant> {
  const ticket = query.get('ticket')
  const passes = ports.browser?.passes ?? null
  if (ticket === null || !passes) {
    const caller = await callerOf(request, ports.authority, passes)
    if (caller.session) throw new Refused('Forbidden', 'the session of the page opens connections with a ticket')
    await refuseWithoutRight(ports.authority, caller, wishOf(request.method ?? '', path, query, true))
    return { caller, pass: null }
  }
  const pass = passes.read('UpgradeTicket', ticket)
  if (pass?.target !== path || !(await passes.redeem('UpgradeTicket', ticket)))
    throw new Refused('Unauthorized', 'the ticket is of no use any more')
  return { caller: { ...NOBODY, user: pass.user, groups: pass.groups }, pass }
}

interface Entrant {
  readonly caller: Caller
  readonly pass: Pass | null
}

/** Whoever signed out in the page is out of what they opened there. */
function cutWithSession(passes: Passes, pass: Pass, socket: Duplex): void {
  // Closed while it was looked at: it would be listened for here for ever.
  if (socket.destroyed) return
  const look = () => passes.hasEnded({ ...pass, id: pass.by }) && socket.destroy()
  socket.once('close', passes.onEnded(look))
  look()
}

const PHRASES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

function refuseUpgrade({ log }: DoorPorts, socket: Duplex, error: unknown): void {
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
