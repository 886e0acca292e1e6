import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../controller/kernel/clock.ts'
import { launchedHost } from './launched-host.ts'
import { handshakeFromEnvironment, identityFromEnvironment, type Handshake } from './launched-environment.ts'
import { serveProvider } from './serve.ts'
import type { Method } from './wire/grpc.ts'
import type { Certificate } from '../controller/kernel/certificate.ts'
import { localhostCertificate } from './wire/localhost-certificate.ts'
import { message, one, int } from '../controller/kernel/protobuf.ts'

/**
 * The provider as a plugin that terraform starts: one line on stdout says where it listens, and with which certificate.
 * Whatever else is printed there breaks the handshake, so nothing is.
 */

const COOKIE = 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2'
const PROTOCOL = '6'

/** Terraform connects at once, and stays; a provider that nobody is connected to has lost its terraform. */
const ALONE_LIMIT_MS = 5000
/** How long terraform may take to hang up after it said that it is done. */
const FAREWELL_LIMIT_MS = 1000

const healthAnswer = message({ status: one(1, int) })
const SERVING = 1
const NOTHING = new Uint8Array()

/** What a plugin's host may listen to: it stays silent here, since nothing is printed and no other connection is brokered. */
const HELD = new Set(['/plugin.GRPCStdio/StreamStdio', '/plugin.GRPCBroker/StartStream'])

export interface Output {
  readonly line: (text: string) => void
  readonly complaint: (text: string) => void
}

/** Runs until terraform is done with it; answers the exit code. */
export async function runLaunched(clock: Clock, output: Output, stopped: AbortSignal): Promise<number> {
  const handshake = handshakeFromEnvironment()
  const refusal = refusalOf(handshake)
  if (refusal !== null) {
    output.complaint(refusal)
    return 1
  }
  const folder = await mkdtemp(join(tmpdir(), 'bothy-provider-'))
  try {
    await serveUntilDone({ clock, output, stopped, handshake, socket: join(folder, 'provider.sock') })
    return 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function refusalOf({ cookie, protocols }: Handshake): string | null {
  if (cookie !== COOKIE)
    return 'This is a provider: terraform and tofu start it, people do not. `bothy provider --help` says how they find it.'
  if (protocols.includes(PROTOCOL)) return null
  return `This provider speaks protocol ${PROTOCOL}, and who started it only ${protocols.join(', ')}: use terraform 1.0 or newer.`
}

interface Serving {
  readonly clock: Clock
  readonly output: Output
  readonly stopped: AbortSignal
  readonly handshake: Handshake
  readonly socket: string
}

async function serveUntilDone({ clock, output, stopped, handshake, socket }: Serving): Promise<void> {
  const done = new AbortController()
  const finish = () => done.abort()
  stopped.addEventListener('abort', finish)
  let connections = 0
  let leaving = false
  // Terraform hangs up once it has the answer; the limit is for one that does not.
  const leave = () => {
    leaving = true
    clock.after(FAREWELL_LIMIT_MS, finish)
    return NOTHING
  }
  let cancel = clock.after(ALONE_LIMIT_MS, finish)
  const own = handshake.clientCertificate === null ? null : localhostCertificate(clock.now())
  const server = await serveProvider(launchedHost(identityFromEnvironment()), socket, {
    clock,
    plugin: {
      methods: new Map<string, Method<unknown>>([
        ['/plugin.GRPCController/Shutdown', async () => leave()],
        ['/grpc.health.v1.Health/Check', async () => healthAnswer.encode({ status: SERVING })],
      ]),
      held: HELD,
      ...(own && handshake.clientCertificate !== null
        ? { tls: { key: own.key, certificate: own.certificate, client: handshake.clientCertificate } }
        : {}),
      connected() {
        connections++
        cancel()
      },
      gone() {
        connections--
        if (connections > 0) return
        if (leaving) finish()
        else cancel = clock.after(ALONE_LIMIT_MS, finish)
      },
    },
  })
  output.line(handshakeLine(socket, own))
  await new Promise<void>((resolve) => {
    if (done.signal.aborted || stopped.aborted) resolve()
    else done.signal.addEventListener('abort', () => resolve())
  })
  cancel()
  await server.close()
}

/** Go's raw base64 has no padding. */
const handshakeLine = (socket: string, own: Certificate | null): string =>
  ['1', PROTOCOL, 'unix', socket, 'grpc', ...(own ? [own.der.toString('base64').replaceAll('=', '')] : [])].join('|')
