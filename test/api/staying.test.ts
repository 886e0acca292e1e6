import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { Authority } from '../../controller/api/ports.ts'
import { openApi } from '../../controller/api/server.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { until } from '../support/until.ts'

const LISTEN = { host: '127.0.0.1', port: 0, tls: null, insecure: false, hosts: [] }

test('whoever goes while it is asked what they may is not looked at for ever', async () => {
  const asked: (() => void)[] = []
  const changed: (() => void)[] = []
  const authority: Authority = {
    authenticate: async () => ({ user: 'ada', groups: [], session: null, token: null }),
    authorize: () => new Promise((resolve) => asked.push(() => resolve(null))),
    onChanged: (listener) => {
      changed.push(listener)
      return () => {}
    },
  }
  const api = await openApi({ clock: systemClock, log: silentLog, metrics: createMetrics(), version: '0.0.0', authority }, LISTEN)
  onTestFinished(() => api.close())
  const ask = () => {
    const socket = connect(api.port, '127.0.0.1')
    socket.write('GET /version HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer x\r\n\r\n')
    return socket
  }
  const gone = ask()
  await until('the first to be asked about', () => asked.length === 1)
  const left = new Promise((resolve) => gone.once('close', resolve))
  gone.destroy()
  await left
  // Others who come after it show that the server has seen it go.
  for (const count of [2, 3]) {
    const stays = ask()
    onTestFinished(() => void stays.destroy())
    await until('the next to be asked about', () => asked.length === count)
  }
  asked[0]?.()
  await until('the first to be done with', () => changed.length === 1)
  changed[0]?.()
  expect(asked).toHaveLength(3)
})
