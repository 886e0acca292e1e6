import { connect, createServer, type Socket } from 'node:net'
import { createServer as createHttp } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../support/until.ts'
import { app, get, withApps } from './world.ts'

/** What an app or a visitor sends to end the control plane, or to reach another visitor. An error that nobody catches fails the file. */

const world = await withApps({ answerMs: 3000 })
const { port } = world.apps

/** An app that answers each connection with these bytes, whatever it is asked. */
async function answering(bytes: string): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.from(bytes, 'latin1')))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
}

/** Bytes of a visitor, and all that is answered until the connection ends or `enough` of it is there. */
function raw(bytes: string, enough: (said: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    let said = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (part) => {
      said += part.toString('latin1')
      if (enough(said)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(said))
    onTestFinished(() => void socket.destroy())
  })
}

const STRANGE = {
  'a control character in the status': 'HTTP/1.1 200 O\u0001K\r\ncontent-length: 2\r\n\r\nok',
  'a code below all codes': 'HTTP/1.1 099 Odd\r\ncontent-length: 2\r\n\r\nok',
  'the code 000': 'HTTP/1.1 000 Odd\r\ncontent-length: 2\r\n\r\nok',
  'an upgrade that nobody asked for': 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nbytes',
  'bytes behind an answer without a body': 'HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nhello',
  'a header with a byte that is none': 'HTTP/1.1 200 OK\r\nx: a\u007fb\r\ncontent-length: 2\r\n\r\nok',
  'a redirect to what no address is': 'HTTP/1.1 302 Go\r\nlocation: http://[\r\ncontent-length: 0\r\n\r\n',
  'a cookie of nothing': 'HTTP/1.1 200 OK\r\nset-cookie: ;;;=\r\nset-cookie: =\r\ncontent-length: 2\r\n\r\nok',
}

test.each(Object.entries(STRANGE))('%s is answered, asked plainly and for an upgrade', async (_name, bytes) => {
  const dev = await world.workspace([app('odd', await answering(bytes), { share: 'public', subdomain: true })])
  const { status } = await get(port, '/', { host: dev.host('odd') })
  expect(status).toBeGreaterThanOrEqual(200)
  const said = await raw(`GET / HTTP/1.1\r\nhost: ${dev.host('odd')}\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n`, (text) =>
    text.includes('\r\n\r\n'),
  )
  expect(said).toMatch(/^HTTP\/1\.1 [1-5]\d\d /)
})

test('a host with a port that cannot be is refused, also for an upgrade', async () => {
  const dev = await world.workspace([
    app('web', await answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'), { share: 'public', subdomain: true }),
  ])
  const host = dev.host('web').replace(/:\d+$/, ':99999')
  expect(await raw(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 4\d\d /)
  expect(await raw(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 4\d\d /)
  expect((await get(port, '/', { host: dev.host('web') })).status).toBe(200)
})

test('an upgrade that announces a body leaves nothing for the next visitor on the same connection', async () => {
  const asked: string[] = []
  const server = createHttp((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end('plain')
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const dev = await world.workspace([app('web', url, { share: 'public', subdomain: true })])
  const host = dev.host('web')
  const said = await raw(
    `POST /first HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: x\r\ncontent-length: 20\r\n\r\n`,
    (text) => text.includes('plain'),
  )
  expect(said).toContain('200 OK')
  await until('the app to be asked', () => asked.length > 0)
  const second = await get(port, '/second', { host })
  expect({ status: second.status, body: second.body }).toEqual({ status: 200, body: 'plain' })
  expect(asked).toEqual(['POST /first', 'GET /second'])
})

test('heads and bodies that are written in one go arrive as they were, however many at a time', async () => {
  const server = createHttp((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts)
      response.end(`${request.url} ${body.length} ${body.every((byte) => byte === 66)}`)
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const dev = await world.workspace([app('web', url, { share: 'public', subdomain: true })])
  const host = dev.host('web')
  for (let round = 0; round < 8; round += 1) {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        get(port, `/${i}`, { host, 'x-more': 'v'.repeat(i * 12) }, 'POST', 'B'.repeat(1 + ((i * 37) % 3000))),
      ),
    )
    expect(answers.map(({ body }) => body)).toEqual(answers.map((_, i) => `/${i} ${1 + ((i * 37) % 3000)} true`))
  }
})

test('nobody is led away by an address that browsers read otherwise than it is written', async () => {
  const dev = await world.workspace([
    app('web', await answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'), { subdomain: true }),
    app('link', 'https://docs.example/a\r\nset-cookie: theirs=1', { external: true, share: 'public', subdomain: true }),
  ])
  for (const to of ['/\t/evil.example', '/\n/evil.example', '//evil.example', '/\\evil.example']) {
    const opened = await world.apps.open({
      subject: dev.subject,
      agent: null,
      what: { app: 'web' },
      rest: '/',
      user: 'ada',
      groups: [],
      by: '',
    })
    const url = new URL('url' in opened ? opened.url : '')
    url.searchParams.set('to', to)
    expect((await get(port, url.pathname + url.search, { host: url.host })).status).toBe(403)
  }
  const said = await raw(`GET / HTTP/1.1\r\nhost: ${dev.host('link')}\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n`)
  expect(said).toMatch(/^HTTP\/1\.1 307 [^\r]*\r\nlocation: https:\/\/docs\.example\/[^\r]*\r\nconnection: close/)
})
