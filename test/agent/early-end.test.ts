import { connect as dial, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createLink } from '../../controller/connect/link.ts'
import { systemClock } from '../../controller/kernel/clock.ts'

/** One end of a connection whose other end has already sent something. */
async function spokenTo(): Promise<Socket> {
  const accepted = Promise.withResolvers<Socket>()
  const server = createServer((socket) => accepted.resolve(socket)).listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const address = server.address()
  const peer = dial(typeof address === 'object' && address ? address.port : 0, '127.0.0.1')
  peer.on('error', () => {})
  peer.write('not what HTTP/2 begins with')
  const socket = await accepted.promise
  onTestFinished(() => {
    peer.destroy()
    socket.destroy()
    server.close()
  })
  return socket
}

// What goes wrong here is thrown where nobody can catch it: without care it would end the control plane.
test('a link that is cut in the turn in which it was made is only gone', async () => {
  const socket = await spokenTo()
  socket.unshift(Buffer.from('left over from the upgrade'))
  const link = createLink(socket, systemClock)
  link.cut('the agent connected again')
  await link.gone
  expect(socket.destroyed).toBe(true)
})

test('a link over a connection that is over already is gone at once', async () => {
  const socket = await spokenTo()
  socket.destroy()
  await createLink(socket, systemClock).gone
})

test('a link to something that does not speak HTTP/2 is gone', async () => {
  const socket = await spokenTo()
  socket.unshift(Buffer.from('neither is this'))
  await createLink(socket, systemClock).gone
  expect(socket.destroyed).toBe(true)
})
