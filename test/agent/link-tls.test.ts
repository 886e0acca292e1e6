import { request, createServer } from 'node:https'
import { performServerHandshake } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { RAW_UPGRADE } from '../../agent/protocol.ts'
import { accepted, createLink, type Link } from '../../controller/connect/link.ts'
import { makeCertificate } from '../../controller/kernel/certificate.ts'
import { systemClock } from '../../controller/kernel/clock.ts'

/** Before its answer to the upgrade is written, a TLS socket must not become a session: the whole program would abort. */
test('agents that come through TLS are linked, many at once', async () => {
  const from = systemClock.now()
  const wish = { name: 'test', hosts: ['127.0.0.1'], use: 'server', from, until: from + 3_600_000, issuer: null } as const
  const { key, certificate } = makeCertificate(wish)
  const links: Link[] = []
  const server = createServer({ key, cert: certificate })
  onTestFinished(async () => {
    for (const link of links) link.cut('the test is over')
    await new Promise((settle) => server.close(settle))
  })
  const statuses: Promise<unknown>[] = []
  const all = new Promise<void>((settle) => {
    server.on('upgrade', async (asked, socket, head) => {
      const link = createLink(await accepted(asked, socket, head), systemClock)
      links.push(link)
      const stream = link.open('/')
      statuses.push(new Promise((answered) => stream.on('response', (headers) => answered(headers[':status']))))
      stream.end()
      if (statuses.length === 10) settle()
    })
  })
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (let agents = 0; agents < 10; agents += 1) {
    const dialled = request(url, { ca: certificate, headers: { connection: 'Upgrade', upgrade: RAW_UPGRADE }, agent: false })
    dialled.on('upgrade', (_answer, socket, head) => {
      if (head.length > 0) socket.unshift(head)
      const session = performServerHandshake(socket)
      session.on('error', () => {})
      session.on('stream', (stream) => stream.respond({ ':status': 200 }, { endStream: true }))
    })
    dialled.end()
  }
  await all
  expect(await Promise.all(statuses)).toEqual(Array.from({ length: 10 }, () => 200))
})
