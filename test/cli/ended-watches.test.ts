import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { planeClient } from '../../cli/client.ts'
import { readEnvironment } from '../../cli/environment.ts'
import { kindNamed } from '../../cli/objects.ts'
import { watchObjects } from '../../cli/watch.ts'
import { steppedClock } from '../support/clock.ts'
import { until } from '../support/until.ts'

/** A server, or a proxy in front of one, that ends every watch as soon as it has begun. */

const LIST = { apiVersion: 'bothy.dev/v1alpha1', kind: 'WorkspaceList', metadata: { resourceVersion: '7' }, items: [] }

test.for([
  ['nothing', ''],
  ['a bookmark', '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n'],
  ['an error', '{"type":"ERROR","object":{"kind":"Status","code":500,"reason":"InternalError"}}\n'],
] as const)('a watch that ends with %s is begun again after a pause', async ([, said]) => {
  let watches = 0
  const server = createServer((request, response) => {
    const isWatch = request.url?.includes('watch=true') === true
    if (isWatch) watches += 1
    response.writeHead(200, { 'content-type': 'application/json' }).end(isWatch ? said : JSON.stringify(LIST))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const client = planeClient(readEnvironment({}), async () => ({ url, token: null, from: '--url', isHere: false, ca: null, through: null }))
  const clock = steppedClock()
  const over = new AbortController()
  const following = (async () => {
    for await (const seen of watchObjects(client, clock, kindNamed('Workspace'), 'default', {}, over.signal)) void seen
  })()
  onTestFinished(async () => {
    over.abort()
    await following
    server.close()
    server.closeAllConnections()
  })
  for (const begun of [1, 2, 3, 4]) {
    await until('the next watch to begin', () => watches === begun)
    await until('it to pause', async () => {
      await clock.step(100)
      return watches > begun
    })
  }
  expect(watches).toBe(5)
  // Half a second each, and no more than one step besides.
  expect(clock.elapsedMs()).toBeGreaterThanOrEqual(4 * 500)
})
