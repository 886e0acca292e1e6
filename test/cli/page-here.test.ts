import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import type { Endpoint } from '../../cli/endpoint.ts'
import { openPageHere } from '../../cli/page-here.ts'
import { until } from '../support/until.ts'

const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'

/** A control plane that takes its time with an upgrade, and knows who is connected and has not ended. */
async function slowPlane() {
  const asked: Duplex[] = []
  const connected = new Set<Duplex>()
  const server: Server = createServer()
  server.on('connection', (socket: Socket) => {
    connected.add(socket)
    socket.on('close', () => connected.delete(socket))
  })
  server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => {})
    socket.on('end', () => connected.delete(socket))
    socket.resume()
    asked.push(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    for (const socket of asked) socket.destroy()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const endpoint: Endpoint = { url, token: null, from: '', ca: null, through: null, isHere: false }
  return { asked, connected, endpoint }
}

/** A browser that asks for an upgrade. */
async function browserOf(origin: string): Promise<Socket> {
  const { hostname, port, host } = new URL(origin)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(`GET /terminal HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`)
  return socket
}

const GOES = [
  { how: 'closes', go: (browser: Socket) => void browser.destroy() },
  { how: 'breaks', go: (browser: Socket) => void browser.resetAndDestroy() },
]

test.each(GOES)('a browser that $how before the control plane has answered leaves no connection there', async ({ go }) => {
  const { asked, connected, endpoint } = await slowPlane()
  const page = await openPageHere(async () => endpoint)
  onTestFinished(() => page.close())
  const browser = await browserOf(page.origin)
  await until('the control plane to be asked', () => asked[0])
  go(browser)
  await until('nobody to be connected', () => connected.size === 0)
})

test.each(GOES)('a browser that $how before it is known where the control plane is asks nothing there', async ({ go }) => {
  const { asked, connected, endpoint } = await slowPlane()
  const sought: (() => void)[] = []
  const page = await openPageHere(() => new Promise((resolve) => sought.push(() => resolve(endpoint))))
  onTestFinished(() => page.close())
  const gone = await browserOf(page.origin)
  const first = await until('the control plane to be sought', () => sought[0])
  go(gone)
  const stays = await browserOf(page.origin)
  const second = await until('it to be sought again', () => sought[1])
  first()
  second()
  const there = await until('the control plane to be asked', () => asked[0])
  there.write(SWITCHED)
  await once(stays, 'data')
  expect([asked.length, connected.size]).toEqual([1, 1])
  stays.destroy()
  await until('nobody to be connected', () => connected.size === 0)
})

test('an upgrade that is answered late leads both ways, also when one way has ended', async () => {
  const { asked, connected, endpoint } = await slowPlane()
  const page = await openPageHere(async () => endpoint)
  onTestFinished(() => page.close())
  const browser = await browserOf(page.origin)
  const there = await until('the control plane to be asked', () => asked[0])
  let [heardThere, heard] = ['', '']
  there.on('data', (data: Buffer) => (heardThere += data.toString()))
  there.on('end', () => there.end('and last'))
  browser.on('data', (data: Buffer) => (heard += data.toString()))
  there.write(`${SWITCHED}first `)
  await until('the answer', () => heard.endsWith('first '))
  browser.end('asked')
  await until('what was said at last', () => heard.endsWith('and last'))
  expect(heardThere).toBe('asked')
  await until('nobody to be connected', () => connected.size === 0)
})
