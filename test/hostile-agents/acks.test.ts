import { performServerHandshake } from 'node:http2'
import { connect, createServer, type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Misbehaved } from '../../controller/connect/flood.ts'
import { createLink } from '../../controller/connect/link.ts'
import { followReports } from '../../controller/connect/reports.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'

test('an agent that reports and never reads what is said of it is cut, before that piles up', async () => {
  const server = createServer((socket) => {
    // No window: nothing that we say ever leaves.
    const session = performServerHandshake(socket, { settings: { initialWindowSize: 0 } })
    session.on('error', () => {})
    session.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      let seq = 0
      const say = () => {
        if (stream.destroyed) return
        stream.write(Buffer.from(`${JSON.stringify({ seq: (seq += 1), at: 0, kind: 'of a newer agent' })}\n`), () => setImmediate(say))
      }
      say()
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => void server.close())
  const link = createLink(connect((server.address() as AddressInfo).port, '127.0.0.1'), systemClock)
  onTestFinished(() => link.cut('the test ends'))
  const followed = followReports(link, { clock: systemClock, log: silentLog }, () => Promise.resolve())
  await expect(followed).rejects.toThrow(Misbehaved)
})
