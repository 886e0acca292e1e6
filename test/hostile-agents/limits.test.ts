import { connect } from 'node:http2'
import { createServer } from 'node:http'
import { createServer as createTcp, connect as connectTcp, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { dial, LinkRefused } from '../../agent/link.ts'
import { HEADER_PROTOCOL, PROTOCOL, RAW_UPGRADE } from '../../agent/protocol.ts'
import { createPenalties } from '../../controller/connect/flood.ts'
import { createPace } from '../../controller/connect/pace.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { keepAlive } from '../../controller/kernel/session-pings.ts'
import { steppedClock } from '../support/clock.ts'
import { until } from '../support/until.ts'

test('who misbehaves again and again waits longer each time, up to a minute, and is forgiven after ten', async () => {
  const clock = steppedClock()
  const penalties = createPenalties(clock)
  const waits: number[] = []
  for (let times = 0; times < 8; times += 1) {
    penalties.punish('bad')
    waits.push(penalties.waitMs('bad') / 1000)
    await clock.step(penalties.waitMs('bad'))
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
  expect({ bad: penalties.waitMs('bad'), good: penalties.waitMs('good') }).toEqual({ bad: 0, good: 0 })
  await clock.step(11 * 60_000)
  penalties.punish('bad')
  expect(penalties.waitMs('bad')).toBe(1000)
})

test('a burst is taken at once, and what comes after it at the pace', async () => {
  const clock = steppedClock()
  const pace = createPace(clock, 1000, 5000)
  expect([pace(4000), pace(1000), pace(500), pace(500)]).toEqual([0, 0, 500, 1000])
  await clock.step(3000)
  expect([pace(2000), pace(1)]).toEqual([0, 1])
})

test('a link whose other end no longer answers is found by its pings', async () => {
  const sockets: Socket[] = []
  const server = createTcp((socket) => void sockets.push(socket))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => void server.close())
  const near = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
  const session = connect('http://agent', { createConnection: () => near })
  session.on('error', () => {})
  const far = await until('the other end', () => sockets[0] ?? null)
  // As a machine that is gone: nothing is read, and nothing is closed.
  far.on('error', () => {})
  await until('the session', () => !session.connecting)
  const clock = steppedClock()
  keepAlive(session, clock, { everyMs: 10_000, limitMs: 10_000 })
  await clock.step(10_000)
  expect(session.destroyed).toBe(false)
  await clock.step(10_000)
  await until('it to be given up', () => session.destroyed)
  far.destroy()
})

test.each([
  ['a busy control plane is asked once', 503, { [HEADER_PROTOCOL]: PROTOCOL }, [RAW_UPGRADE], 'Error'],
  ['its refusal is final', 403, { [HEADER_PROTOCOL]: PROTOCOL }, [RAW_UPGRADE], LinkRefused.name],
  ["a proxy's refusal is not, and a WebSocket is tried", 403, {}, [RAW_UPGRADE, 'websocket'], 'Error'],
])('%s', async (_name, status, headers, asked, error) => {
  const seen: string[] = []
  const server = createServer()
  server.on('upgrade', (request, socket) => {
    seen.push(String(request.headers.upgrade))
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 3\r\nconnection: close\r\n${lines.join('')}\r\nno\n`)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const refused = await dial({ url, agentId: 'a', token: 'b', clock: systemClock }).catch((caught: Error) => caught)
  expect({ seen, error: refused instanceof Error ? refused.name : refused, said: String(refused) }).toEqual({
    seen: asked,
    error,
    said: `${error}: no`,
  })
})
