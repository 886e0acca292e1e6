import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryHome } from '../support/bothy.ts'

/** A server that begins an answer and never ends it, as one does whose disk or network has gone. */

test('who waits for so long waits no longer, whatever the server does', async () => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"items": [')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { code, stderr } = await temporaryHome().run(['wait', 'workspace/dev', '--url', `http://127.0.0.1:${port}`, '--timeout', '1s'])
  expect(asked).toEqual([expect.stringContaining('/workspaces?')])
  expect([code, stderr.split('\n')[1]]).toEqual([1, '  where:  last seen: nothing has answered so far'])
})
