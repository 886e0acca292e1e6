import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createAppHealth, healthAfter } from '../../agent/app-health.ts'
import type { AppHealth, ManifestApp } from '../../agent/protocol.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { until } from '../support/until.ts'

const appWith = (slug: string, url: string | null): ManifestApp => ({
  slug,
  url: '',
  command: '',
  healthcheck: url === null ? null : { url, intervalSeconds: 5, threshold: 2 },
})

test('what is known of an app follows its answers, and one bad answer is no illness', () => {
  const said: AppHealth[] = []
  let [health, failures]: [AppHealth, number] = ['Initializing', 0]
  for (const good of [false, false, false, true, false, false, true, false, false, false, false, true]) {
    failures = good ? 0 : failures + 1
    health = healthAfter(health, failures, 2)
    said.push(health)
  }
  expect(said.map((each) => each[0]).join('')).toBe('IIUHHHHHHUUH')
})

test('each app is asked again and again, at its own pace; a new manifest ends what it no longer names', async () => {
  let status = 503
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (request.url === '/silent') return
    response.writeHead(request.url === '/missing' ? 404 : status).end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const said: string[] = []
  // Intervals pass at once.
  const clock = { ...systemClock, sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(5, signal) }
  const checks = createAppHealth({ app: (slug, health) => said.push(`${slug} ${health}`) }, clock)
  onTestFinished(() => {
    checks.end()
    server.close()
    server.closeAllConnections()
  })
  const apps = [
    appWith('sick', `${url}/sick`),
    appWith('missing', `${url}/missing`),
    appWith('none', null),
    appWith('refused', 'http://127.0.0.1:9/'),
  ]
  checks.watch(apps)
  await until(
    'it to be unhealthy',
    () => said.includes('sick Unhealthy') && said.includes('refused Unhealthy') && said.includes('missing Healthy'),
  )
  expect(said.filter((line) => line.startsWith('sick'))).toEqual(['sick Initializing', 'sick Unhealthy'])
  status = 200
  await until('it to be healthy', () => said.includes('sick Healthy'))
  // The same again is the same: nothing begins anew.
  checks.watch(apps)
  expect(said.filter((line) => line.endsWith('Initializing')).length).toBe(3)
  checks.watch([appWith('silent', `${url}/silent`)])
  await until('the new one to be asked', () => asked.includes('/silent'))
  const before = asked.filter((path) => path === '/sick').length
  await systemClock.sleep(60)
  expect(asked.filter((path) => path === '/sick').length).toBe(before)
  expect(said.some((line) => line.startsWith('none'))).toBe(false)
})
