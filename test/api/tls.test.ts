const ask = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\n\r\n`

import { createPrivateKey } from 'node:crypto'
import { request as httpRequest, type IncomingMessage, Agent as HttpAgent } from 'node:http'
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { openApi, type Api } from '../../controller/api/server.ts'
import { ownAuthority } from '../../controller/api/own-authority.ts'
import type { ApiPorts, Listen } from '../../controller/api/ports.ts'
import { makeCertificate } from '../../controller/kernel/certificate.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { until } from '../support/until.ts'

/** TLS and plain HTTP on one port. */

const now = systemClock.now()
const [from, later] = [now - 60_000, now + 3_600_000]
const authority = makeCertificate({ name: 'bothy', hosts: [], use: 'authority', from, until: later, issuer: null })
const issuer = { name: 'bothy', key: createPrivateKey(authority.key) }
const keys = (name: string) => {
  const made = makeCertificate({ name, hosts: ['localhost', '127.0.0.1'], use: 'server', from, until: later, issuer })
  return { cert: made.certificate, key: made.key }
}
const ca = authority.certificate

async function opened(listen: Partial<Listen> = {}): Promise<Api> {
  const door = {
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    version: '0.0.0',
    authority: ownAuthority({ token: 'secret', user: 'ada' }),
  }
  const api = await openApi(door, { host: '127.0.0.1', port: 0, tls: null, own: keys('first'), insecure: false, hosts: [], ...listen })
  // What these tests do not ask for is not there.
  const ports: Partial<Parameters<Api['open']>[0]> = {
    checks: [],
    status: async () => ({}),
    connect: {
      path: '/agent/v1/connect',
      upgrade(_request, socket, head) {
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n${head.toString()}`)
        socket.pipe(socket)
      },
    },
  }
  api.open(ports as ApiPorts)
  onTestFinished(() => api.close())
  return api
}

interface Answered {
  readonly code: number
  readonly text: string
}

const sentBy = (request: typeof httpRequest, options: object, body = ''): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', headers: { authorization: 'Bearer secret' }, ...options }, (answer: IncomingMessage) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      answer.on('end', () => resolve({ code: answer.statusCode ?? 0, text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })

const ends = [
  {
    end: 'plain',
    send: (port: number, options: object, body?: string) => sentBy(httpRequest, { port, ...options }, body),
    agent: HttpAgent,
  },
  {
    end: 'TLS',
    send: (port: number, options: object, body?: string) => sentBy(httpsRequest, { port, ca, ...options }, body),
    agent: HttpsAgent,
  },
]

const raw = (api: Api, end: string): Promise<Socket & { seen: string }> =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: api.port }
    const made: Socket =
      end === 'TLS' ? connectTls({ ...options, ca }, () => resolve(watched)) : connectTcp(options, () => resolve(watched))
    const watched = Object.assign(made, { seen: '' })
    made.on('data', (chunk: Buffer) => (watched.seen += chunk.toString()))
    made.on('error', reject)
    onTestFinished(() => void made.destroy())
  })

test('a request that offers HTTP/2 is answered, as curl and Java make them', async () => {
  const api = await opened()
  const headers = {
    authorization: 'Bearer secret',
    connection: 'Upgrade, HTTP2-Settings',
    upgrade: 'h2c',
    'http2-settings': 'AAMAAABkAAQAAP__',
  }
  expect(await sentBy(httpRequest, { port: api.port, path: '/version', headers })).toMatchObject({ code: 200 })
  expect(await sentBy(httpRequest, { port: api.port, method: 'POST', path: '/bothy/v1/nothing', headers }, '{}')).toMatchObject({
    code: 404,
  })
})

test.each(ends)('$end: requests, one connection for several, and bodies', async ({ send, agent }) => {
  const api = await opened()
  const keep = new agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => keep.destroy())
  for (let round = 0; round < 5; round += 1) expect(await send(api.port, { path: '/version', agent: keep })).toMatchObject({ code: 200 })
  const body = JSON.stringify({ padding: 'x'.repeat(300_000) })
  const posted = await send(
    api.port,
    { method: 'POST', path: '/bothy/v1/nothing', agent: keep, headers: { authorization: 'Bearer secret' } },
    body,
  )
  expect(posted.code).toBe(404)
  const tooBig = send(api.port, { method: 'POST', path: '/bothy/v1/session' }, 'x'.repeat(5 * 1024 * 1024)).catch(() => ({ code: 0 }))
  expect([404, 413, 0]).toContain((await tooBig).code)
})

test.each(ends)('$end: requests that come in one piece are answered in their order', async ({ end }) => {
  const api = await opened()
  const socket = await raw(api, end)
  socket.write(ask('/version') + ask('/bothy/v1/status') + ask('/nothing'))
  await until('three answers', () => socket.seen.split('HTTP/1.1 ').length === 4)
  expect([...socket.seen.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code)).toEqual(['200', '200', '404'])
})

test.each(ends)('$end: an upgrade takes over the connection, with what came too early', async ({ end }) => {
  const api = await opened()
  const socket = await raw(api, end)
  socket.write('GET /agent/v1/connect HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nearly ')
  await until('the upgrade', () => socket.seen.includes('early'))
  const much = 'y'.repeat(1_000_000)
  socket.write(much)
  await until('all of it to come back', () => socket.seen.endsWith(`early ${much}`))
  await api.close()
  expect(socket.destroyed).toBe(false)
})

test.each(ends)('$end: headers that come slowly end the connection', async ({ end }) => {
  const api = await opened()
  const socket = await raw(api, end)
  socket.write('GET /version HTTP/1.1\r\nhost: localhost\r\n')
  await until('the end', () => socket.destroyed)
  expect(socket.seen).toMatch(/^HTTP\/1\.1 408 /)
})

test('who says nothing, half a handshake and garbage that looks like one are let go', async () => {
  const api = await opened()
  const silent = await raw(api, 'plain')
  const half = await raw(api, 'plain')
  half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]))
  const garbage = await raw(api, 'plain')
  garbage.write(Buffer.concat([Buffer.from([0x16]), Buffer.alloc(4096, 0xee)]))
  await until('garbage to be let go', () => garbage.destroyed)
  await until('the silent to be let go', () => silent.destroyed && half.destroyed)
})

test('closing ends whoever is still at the door', async () => {
  const api = await opened()
  const [silent, half, idle] = [await raw(api, 'plain'), await raw(api, 'plain'), await raw(api, 'TLS')]
  half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]))
  await api.close()
  await until('every connection to end', () => silent.destroyed && half.destroyed && idle.destroyed)
})

const shown = (socket: Socket): string =>
  (socket as Socket & { getPeerCertificate(): { subject: { CN: string } } }).getPeerCertificate().subject.CN

test('a certificate that is renewed is shown to whoever comes then, and cuts nobody', async () => {
  const api = await opened()
  const before = await raw(api, 'TLS')
  expect(shown(before)).toBe('first')
  api.renew(keys('second'))
  expect(shown(await raw(api, 'TLS'))).toBe('second')
  before.write('GET /version HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\n\r\n')
  await until('an answer', () => before.seen.startsWith('HTTP/1.1 200'))
})

test('only TLS of a version that is still in use', async () => {
  const api = await opened()
  await expect(
    new Promise((resolve, reject) => {
      const old = connectTls({ host: '127.0.0.1', port: api.port, ca, maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, () =>
        resolve('in'),
      )
      old.on('error', reject)
    }),
  ).rejects.toThrow()
})
