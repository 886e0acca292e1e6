import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { readContext } from '../../controller/cluster/kubernetes-context.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { temporaryFolder } from './temporary.ts'

/** Stands before a real API server and is as bad as a network can be, and a server that is upgraded, or has too much to do. */

export type Sort = 'list' | 'watch' | 'get' | 'write'

export interface Asked {
  readonly sort: Sort
  readonly path: string
  readonly status: number
}

export interface FaultProxy {
  /** A kubeconfig that leads here. */
  readonly kubeconfig: string
  readonly asked: readonly Asked[]
  /** Every connection ends, as if its peer had closed it. */
  cut(): void
  /** Every connection is reset. */
  reset(): void
  /** What is open now passes nothing more, and nobody is told. */
  freeze(): void
  /** The next so many requests of these sorts are answered by this. */
  answer(count: number, sorts: readonly Sort[], status: number, retryAfterSeconds?: number): void
  /** Every open watch is told that its version is gone. */
  expire(): void
  /** Every watch ends in the middle of its next line, as if that were its end. */
  truncate(): void
  /** Each change comes twice, and one that was told before once more. */
  repeat(on: boolean): void
  /** No more than so many bytes a second for each answer. */
  slow(bytesPerSecond: number | null): void
  /** No more faults, but for those that are under way. */
  heal(): void
  close(): Promise<void>
}

interface Planned {
  left: number
  readonly sorts: readonly Sort[]
  readonly status: number
  readonly retryAfterSeconds: number | undefined
}

interface Exchange {
  readonly answer: ServerResponse
  readonly sort: Sort
  truncated: boolean
}

const TOLD_OFTEN_ENOUGH_MS = 50
const STATUSES: Readonly<Record<number, string>> = {
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
}

const statusOf = (code: number) => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: `a fault: ${code}`,
  reason: STATUSES[code] ?? '',
  code,
})

export async function faultProxy(realKubeconfig: string): Promise<FaultProxy> {
  const { server: real, cluster, login } = readContext({ kubeconfig: realKubeconfig, context: null, environment: {} })
  const agent = new Agent({ keepAlive: true, ca: cluster.ca ?? '', cert: login.certificate ?? '', key: login.key ?? '' })
  const sockets = new Set<Socket>()
  const frozen = new WeakSet<Socket>()
  const exchanges = new Set<Exchange>()
  const asked: Asked[] = []
  let planned: Planned[] = []
  let repeats = false
  let bytesPerSecond: number | null = null

  const forward = (incoming: IncomingMessage, answer: ServerResponse, sort: Sort): void => {
    const { host: _host, ...headers } = incoming.headers
    const onward = request(new URL(incoming.url ?? '/', real), { method: incoming.method ?? 'GET', headers, agent })
    const broken = () => answer.destroy()
    onward.on('error', broken)
    answer.on('close', () => onward.destroy())
    incoming.on('error', broken)
    incoming.pipe(onward)
    onward.on('response', (coming) => {
      asked.push({ sort, path: incoming.url ?? '', status: coming.statusCode ?? 0 })
      const { 'content-length': _length, ...passed } = coming.headers
      answer.writeHead(coming.statusCode ?? 500, passed)
      answer.flushHeaders()
      void pass(coming, { answer, sort, truncated: false }).catch(broken)
    })
  }

  const pass = async (coming: IncomingMessage, exchange: Exchange): Promise<void> => {
    exchanges.add(exchange)
    let earlier = ''
    try {
      for await (const piece of exchange.sort === 'watch' ? linesOf(coming) : (coming as AsyncIterable<Buffer>)) {
        if (exchange.truncated) return void (await send(exchange.answer, piece.subarray(0, piece.length / 2)))
        await send(exchange.answer, piece)
        if (!repeats || exchange.sort !== 'watch') continue
        await send(exchange.answer, piece)
        await send(exchange.answer, earlier)
        earlier = piece.toString()
      }
    } finally {
      exchanges.delete(exchange)
      if (!isFrozen(exchange.answer)) exchange.answer.end()
    }
  }
  const isFrozen = (answer: ServerResponse): boolean => answer.socket !== null && frozen.has(answer.socket)
  const send = async (answer: ServerResponse, bytes: Buffer | string): Promise<void> => {
    const whole = Buffer.from(bytes)
    for (let at = 0; at < whole.length && !answer.destroyed;) {
      const size = bytesPerSecond === null ? whole.length : Math.max(1, Math.ceil((bytesPerSecond * TOLD_OFTEN_ENOUGH_MS) / 1000))
      if (!isFrozen(answer)) answer.write(whole.subarray(at, at + size))
      at += size
      if (bytesPerSecond !== null) await systemClock.sleep(TOLD_OFTEN_ENOUGH_MS)
    }
  }

  const server = createServer((incoming, answer) => {
    if (frozen.has(incoming.socket)) return
    const sort = sortOf(incoming)
    const plan = planned.find((each) => each.sorts.includes(sort))
    if (!plan) return forward(incoming, answer, sort)
    plan.left -= 1
    planned = planned.filter(({ left }) => left > 0)
    asked.push({ sort, path: incoming.url ?? '', status: plan.status })
    const later = plan.retryAfterSeconds === undefined ? {} : { 'retry-after': String(plan.retryAfterSeconds) }
    incoming.resume()
    answer.writeHead(plan.status, { 'content-type': 'application/json', ...later }).end(JSON.stringify(statusOf(plan.status)))
  })
  server.keepAliveTimeout = 0
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const kubeconfig = join(temporaryFolder(), 'kubeconfig')
  writeFileSync(kubeconfig, kubeconfigFor(`http://127.0.0.1:${port}`))

  return {
    kubeconfig,
    asked,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    reset: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    freeze: () => sockets.forEach((socket) => frozen.add(socket)),
    answer: (left, sorts, status, retryAfterSeconds) => void planned.push({ left, sorts, status, retryAfterSeconds }),
    expire() {
      for (const { answer, sort } of exchanges)
        if (sort === 'watch' && !isFrozen(answer)) answer.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(410) })}\n`)
    },
    truncate: () => exchanges.forEach((exchange) => (exchange.truncated = exchange.sort === 'watch')),
    repeat: (on) => void (repeats = on),
    slow: (limit) => void (bytesPerSecond = limit),
    heal() {
      planned = []
      repeats = false
      bytesPerSecond = null
    },
    async close() {
      sockets.forEach((socket) => socket.destroy())
      agent.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function sortOf({ method, url = '' }: IncomingMessage): Sort {
  if (method !== 'GET') return 'write'
  const { pathname, searchParams } = new URL(url, 'http://it')
  if (searchParams.get('watch') === '1') return 'watch'
  return /\/(?:v1|v1alpha1)(?:\/namespaces\/[^/]+)?\/[^/]+$/.test(pathname) ? 'list' : 'get'
}

async function* linesOf(coming: IncomingMessage): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0)
  for await (const chunk of coming as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield rest.subarray(0, end + 1)
      rest = rest.subarray(end + 1)
    }
  }
}

const kubeconfigFor = (server: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'faults',
    contexts: [{ name: 'faults', context: { cluster: 'faults' } }],
    clusters: [{ name: 'faults', cluster: { server } }],
  })
