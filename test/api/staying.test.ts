import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { Authority } from '../../controller/api/ports.ts'
import { openApi } from '../../controller/api/server.ts'
import { createStaying } from '../../controller/api/staying.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { Refused } from '../../controller/kernel/errors.ts'
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

test('of many that go on each is looked at, a few at a time', async () => {
  const most = 16
  let asking = 0
  const changed: (() => void)[] = []
  const held: (() => void)[] = []
  const authority: Authority = {
    authenticate: async () => null,
    // As the reviews of a cluster: whoever is one too many is refused, and that says nothing of what they may.
    authorize: async () => {
      if (asking >= most) return new Refused('TooManyRequests', 'too many are being looked up at this moment')
      asking += 1
      await new Promise<void>((resolve) => held.push(resolve))
      asking -= 1
      return new Refused('Forbidden', 'not any more')
    },
    onChanged: (listener) => {
      changed.push(listener)
      return () => {}
    },
  }
  const staying = createStaying(authority)
  const cut = new Set<number>()
  const wish = { verb: 'get', group: '', resource: '', subresource: null, namespace: null, name: null, path: '/version' }
  for (let number = 0; number < 100; number += 1)
    staying.add({ user: 'ada', groups: [], session: null, token: null }, wish, () => cut.add(number))
  for (const change of changed) change()
  await until('each to be cut', () => {
    for (const go of held.splice(0)) go()
    return cut.size === 100
  })
})
