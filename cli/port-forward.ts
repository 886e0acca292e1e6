import { rmSync, statSync } from 'node:fs'
import { connect as connectTo, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { pour } from '../controller/kernel/pour.ts'
import { aside, patiently, started } from './enter.ts'
import { enteredName, shownName, type EnteredName } from './entered-name.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { forwardingOf, type Forwarding } from './forwarding.ts'
import type { Options } from './options.ts'
import { rawConnection } from './raw-connection.ts'
import type { Session } from './session.ts'

/** Ports and sockets here that lead into a workspace. Each connection goes its own way, so a restart of the control plane ends only those that are open. */

const CONNECTIONS_MAX = 512

export async function run(session: Session, [name = '', ...specs]: readonly string[], options: Options): Promise<number> {
  if (specs.length === 0) throw usage('it is not said what to forward', 'name a port, as in 8080 or 8080:80')
  const entered = enteredName(name, session.namespace)
  const forwardings = specs.map(forwardingOf)
  const address = options.text('address') ?? '127.0.0.1'
  const interrupted = session.interrupted()
  await started(session, entered, options)
  const lead = leader(session, entered)
  const servers: Server[] = []
  try {
    for (const forwarding of forwardings) {
      const server = await listening(forwarding, address, lead)
      servers.push(server)
      session.terminal.out(`${placeOf(server)} leads to ${forwarding.shown} in ${shownName(entered)}`)
    }
    if (!session.terminal.quiet) session.terminal.err('Ctrl-C ends it')
    await new Promise<void>((resolve) => (interrupted.aborted ? resolve() : interrupted.addEventListener('abort', () => resolve())))
  } finally {
    for (const server of servers) server.close()
  }
  // Connections that are open would hold the program.
  setImmediate(() => process.exit(EXIT.done))
  return EXIT.done
}

type Lead = (socket: Socket, forwarding: Forwarding) => void

function leader(session: Session, entered: EnteredName): Lead {
  let open = 0
  let told = ''
  const say = (line: string) => {
    // The same again and again says nothing new: a browser asks ten times a second.
    if (line !== told) session.terminal.err(`bothy: ${line}`)
    told = line
  }
  const quietly = { ...aside(session), terminal: { ...session.terminal, quiet: true } }
  const join = async (socket: Socket, { target }: Forwarding) => {
    const connection = await patiently(quietly, async () =>
      rawConnection(await session.client().endpoint(), entered, 'port', { target, use: 'PortForward' }, session.clock),
    )
    told = ''
    if (socket.destroyed) return void connection.destroy()
    // One that breaks breaks the other, and as a reset: the library's own joining would let it look like an end.
    connection.on('error', () => socket.resetAndDestroy())
    socket.on('error', () => connection.destroy(new Error('the program here is gone')))
    pour(connection, socket)
    pour(socket, connection)
  }
  return (socket, forwarding) => {
    socket.on('error', () => {})
    if (open >= CONNECTIONS_MAX) return void socket.resetAndDestroy()
    open += 1
    socket.once('close', () => (open -= 1))
    join(socket, forwarding).catch((error: unknown) => {
      if (error instanceof Failure) say(error.text.where?.startsWith('http') ? error.text.what : error.message)
      else say(String(error))
      socket.resetAndDestroy()
    })
  }
}

async function listening(forwarding: Forwarding, address: string, lead: Lead): Promise<Server> {
  const { local } = forwarding
  if ('path' in local) await removeDead(local.path)
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => lead(socket, forwarding))
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, local, address)))
    server.listen('path' in local ? { path: local.path } : { host: address, port: local.port }, () => resolve(server))
  })
}

/** A socket that nobody serves any more is in the way of whoever wants to. */
async function removeDead(path: string): Promise<void> {
  if (!statSync(path, { throwIfNoEntry: false })?.isSocket()) return
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connectTo({ path }, () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
  if (!answers) rmSync(path, { force: true })
}

function cannotListen(error: NodeJS.ErrnoException, local: Forwarding['local'], address: string): Failure {
  const where = 'path' in local ? local.path : `${address}:${local.port}`
  const what = error.code === 'EADDRINUSE' ? `${where} is taken by another program` : `${where} cannot be listened on: ${error.message}`
  return new Failure(EXIT.didNotBecomeSo, {
    what,
    fix: 'path' in local ? 'name another path' : 'name another port, or none as in :80, which takes any that is free',
  })
}

function placeOf(server: Server): string {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') return address ?? ''
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}
