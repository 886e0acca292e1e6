import { createHash, randomBytes } from 'node:crypto'
import { request as ask } from 'node:http'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { until } from '../support/until.ts'
import { app, backend, get, TOKEN, withApps } from './world.ts'

/** What passes between a browser and an app, and as what. */

const world = await withApps()
const { port } = world.apps

test('an app is reached by a path and by a host of its own, and neither learns what is between it and the control plane', async () => {
  const {
    url,
    seen,
    port: inside,
  } = await backend((_request, response) => {
    response.writeHead(200, [
      ['set-cookie', 'mine=1; Path=/deep; Domain=example.com; HttpOnly'],
      ['set-cookie', 'bothy_app=forged; Path=/'],
      ['set-cookie', '__Host-bothy-x=1; Path=/; Secure'],
      ['service-worker-allowed', '/'],
      ['strict-transport-security', 'max-age=1'],
      ['x-from-app', 'yes'],
    ] as never)
    response.end('hello')
  })
  const dev = await world.workspace([app('web', url), app('own', url, { subdomain: true })])
  const web = await dev.enter({ app: 'web' })
  expect(web.url.pathname).toBe(`${dev.path('web')}/`)
  const headers = {
    cookie: `${web.cookie}; bothy_other=secret; theirs=2`,
    authorization: `Bearer ${TOKEN}`,
    'x-forwarded-for': '6.6.6.6',
    'x-forwarded-host': 'evil',
    'bothy-actor': 'eve',
    connection: 'x-private, keep-alive',
    'x-private': '1',
    origin: world.origin,
    referer: `${world.origin}${dev.path('web')}/`,
  }
  const answer = await get(port, `${dev.path('web')}/some/where?a=b%20c`, headers, 'POST', 'x')
  expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: 'hello' })
  const [got] = seen
  expect(got).toMatchObject({ method: 'POST', url: '/some/where?a=b%20c' })
  expect(got!.headers).toMatchObject({
    host: `127.0.0.1:${inside}`,
    cookie: 'theirs=2',
    origin: url,
    referer: `${url}${dev.path('web')}/`,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': `127.0.0.1:${port}`,
    'x-forwarded-proto': 'http',
    'x-forwarded-prefix': dev.path('web'),
  })
  for (const name of ['authorization', 'bothy-actor', 'x-private']) expect(got!.headers).not.toHaveProperty(name)
  expect(JSON.stringify(got)).not.toMatch(/secret|evil|6\.6\.6\.6|bothy-App/)
  expect(answer.headers['set-cookie']).toEqual([`mine=1; Path=${dev.path('web')}/deep; HttpOnly`])
  expect(answer.headers).toMatchObject({ 'x-from-app': 'yes' })
  expect(answer.headers).not.toHaveProperty('service-worker-allowed')
  expect(answer.headers).not.toHaveProperty('strict-transport-security')

  const own = await dev.enter({ app: 'own' })
  expect(own.host).toBe(dev.host('own'))
  const there = await get(port, '/some/where', { host: own.host, cookie: own.cookie, authorization: 'Basic dXNlcjp3b3Jk' })
  expect(there.status).toBe(200)
  expect(there.headers['set-cookie']).toEqual(['mine=1; Path=/deep; HttpOnly'])
  // What an app asks of its own users is its own affair.
  expect(seen[1]!.headers.authorization).toBe('Basic dXNlcjp3b3Jk')
  expect(seen[1]!.headers).not.toHaveProperty('x-forwarded-prefix')
})

test('a port is reached by its owner, on a host of its own or by a path', async () => {
  const { port: inside } = await backend((request, response) => response.end(`port says ${request.url}`))
  const dev = await world.workspace([])
  const own = await dev.enter({ port: inside })
  expect(own.host).toBe(dev.host(String(inside)))
  expect((await get(port, '/x', { host: own.host, cookie: own.cookie })).body).toBe('port says /x')
  expect((await get(port, '/x', { host: own.host })).status).toBe(401)
  expect((await get(port, `/@ada/${dev.name}/ports/${inside}/x`)).status).toBe(401)
  // A session of one address is none of another.
  expect((await get(port, `/@ada/${dev.name}/ports/${inside}/x`, { cookie: own.cookie })).status).toBe(401)
})

test('redirects of an app lead where the browser finds it', async () => {
  const { url, port: inside } = await backend((request, response) =>
    response.writeHead(302, { location: request.headers['x-to'] as string }).end(),
  )
  const dev = await world.workspace([app('web', `${url}/base`), app('plain', url)])
  const [web, plain] = [await dev.enter({ app: 'web' }), await dev.enter({ app: 'plain' })]
  const led = async (slug: string, cookie: string, to: string) =>
    (await get(port, `${dev.path(slug)}/`, { cookie, 'x-to': to })).headers.location
  expect(await led('web', web.cookie, `http://localhost:${inside}/base/in?x=1#y`)).toBe(`${world.origin}${dev.path('web')}/in?x=1#y`)
  expect(await led('web', web.cookie, '/base/in')).toBe(`${dev.path('web')}/in`)
  expect(await led('plain', plain.cookie, '/login')).toBe(`${dev.path('plain')}/login`)
  expect(await led('plain', plain.cookie, `${dev.path('plain')}/login`)).toBe(`${dev.path('plain')}/login`)
  expect(await led('plain', plain.cookie, 'https://example.com/login')).toBe('https://example.com/login')
  expect(await led('plain', plain.cookie, 'in')).toBe('in')
  const bare = await get(port, `${dev.path('plain')}?a=1`, { cookie: plain.cookie })
  expect([bare.status, bare.headers.location]).toEqual([307, `${dev.path('plain')}/?a=1`])
})

test('WebSockets pass both ways, and end with either side', async () => {
  const { url, server, seen } = await backend((_request, response) => response.end())
  const sockets = new WebSocketServer({ server, path: '/socket', handleProtocols: () => 'chat' })
  sockets.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => (String(data) === 'end' ? socket.close(4321) : socket.send(data, { binary: isBinary }))),
  )
  const dev = await world.workspace([app('web', url)])
  const { cookie } = await dev.enter({ app: 'web' })
  const dial = (headers: Record<string, string>, path = '/socket') =>
    new WebSocket(`ws://127.0.0.1:${port}${dev.path('web')}${path}`, ['chat'], { headers })
  const socket = dial({ cookie, origin: world.origin })
  const heard: Buffer[] = []
  socket.on('message', (data: Buffer) => heard.push(data))
  await new Promise((resolve) => socket.on('open', resolve))
  expect(socket.protocol).toBe('chat')
  const big = randomBytes(1_000_000)
  socket.send(big)
  socket.send('small')
  await until('both to come back', () => heard.length === 2)
  expect(heard[0]!.equals(big)).toBe(true)
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.send('end')
  expect(await closed).toBe(4321)
  expect(seen[0]!.headers).toMatchObject({ origin: url })
  expect(seen[0]!.headers.cookie).toBeUndefined()
  // A page elsewhere cannot open one with the session of whoever looks at it.
  const refused = (headers: Record<string, string>, path?: string) =>
    new Promise((resolve) =>
      dial(headers, path)
        .on('unexpected-response', (_r, answer) => resolve(answer.statusCode))
        .on('error', () => {}),
    )
  expect(await refused({ cookie, origin: 'http://evil.example' })).toBe(403)
  expect(await refused({})).toBe(401)
  // An app that wants none says so itself.
  expect(await refused({ cookie, origin: world.origin }, '/elsewhere')).toBe(400)
})

test('bodies stream both ways, and whoever is slow holds the other back', async () => {
  let sent = 0
  const { url } = await backend((request, response) => {
    if (request.url === '/up') {
      const hash = createHash('sha256')
      request.on('data', (data: Buffer) => hash.update(data))
      return void request.on('end', () => response.end(hash.digest('hex')))
    }
    if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
      return
    }
    const more = () => {
      while (sent < 400) {
        sent += 1
        if (!response.write(Buffer.alloc(256 * 1024))) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  })
  const dev = await world.workspace([app('web', url)])
  const { cookie } = await dev.enter({ app: 'web' })
  const begin = (path: string, method = 'GET') =>
    ask({ host: '127.0.0.1', port, method, path: dev.path('web') + path, agent: false, headers: { cookie } })

  const body = randomBytes(8 * 1024 * 1024)
  const up = begin('/up', 'POST')
  for (let at = 0; at < body.length; at += 65_536) up.write(body.subarray(at, at + 65_536))
  up.end()
  const digest = await new Promise<string>((resolve) =>
    up.on('response', (answer) => answer.on('data', (data: Buffer) => resolve(data.toString()))),
  )
  expect(digest).toBe(createHash('sha256').update(body).digest('hex'))

  // The first event is there while the answer goes on.
  const events = begin('/events').end()
  const first = await new Promise<string>((resolve) =>
    events.on('response', (answer) => answer.on('data', (data: Buffer) => resolve(data.toString()))),
  )
  expect(first).toBe('data: 1\n\n')
  events.destroy()

  // 100 MB, of which nothing is read at first: the app is held back.
  const slow = begin('/down').end()
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve) => slow.on('response', resolve))
  answer.pause()
  await until('the app to be held back', async () => {
    const before = sent
    await new Promise((next) => setTimeout(next, 150))
    return before > 0 && before === sent
  })
  expect(sent).toBeLessThan(200)
  let bytes = 0
  answer.on('data', (data: Buffer) => (bytes += data.length)).resume()
  await new Promise((resolve) => answer.on('end', resolve))
  expect(bytes).toBe(400 * 256 * 1024)
})

test('a hundred requests at once are answered, each with its own', async () => {
  const { url } = await backend((request, response) => response.end(request.url))
  const dev = await world.workspace([app('web', url)])
  const { cookie } = await dev.enter({ app: 'web' })
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => get(port, `${dev.path('web')}/${i}`, { cookie })))
  expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 100 }, (_, i) => `/${i}`))
})
