import { createConnection } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { judge, levelOf, type SharingMax } from '../../controller/apps/access.ts'
import { APP_SHARES } from '../../controller/store/agent-manifests.ts'
import { until } from '../support/until.ts'
import { app, backend, get, TOKEN, withApps } from './world.ts'

/** Who comes in, and for how long. */

const world = await withApps()
const { port } = world.apps

test('what an app asks for is capped by its template, whoever looks', async () => {
  const { url } = await backend((_request, response) => response.end('in'))
  const dev = await world.workspace(APP_SHARES.map((share) => app(share, url, { share })))
  const rows: string[] = []
  for (const max of ['Owner', 'Authenticated', 'Public'] satisfies SharingMax[]) {
    await dev.share(max)
    for (const share of APP_SHARES) {
      const tried = async (user: string | null) => {
        if (user === null) return (await get(port, '/', { host: dev.host(share) })).status
        try {
          const { cookie, host } = await dev.enter({ app: share }, user)
          // The owner of an app that nobody shares is led to its path.
          const own = host === dev.host(share)
          return (await get(port, own ? '/' : `${dev.path(share)}/`, own ? { host, cookie } : { cookie })).status
        } catch {
          return 403
        }
      }
      rows.push(`${max} ${share}: nobody ${await tried(null)}, eve ${await tried('eve')}, ada ${await tried('ada')}`)
    }
  }
  expect(rows).toEqual([
    'Owner owner: nobody 401, eve 403, ada 200',
    'Owner authenticated: nobody 401, eve 403, ada 200',
    'Owner public: nobody 401, eve 403, ada 200',
    'Authenticated owner: nobody 401, eve 403, ada 200',
    'Authenticated authenticated: nobody 401, eve 200, ada 200',
    'Authenticated public: nobody 401, eve 200, ada 200',
    'Public owner: nobody 401, eve 403, ada 200',
    'Public authenticated: nobody 401, eve 200, ada 200',
    'Public public: nobody 200, eve 200, ada 200',
  ])
  // Shared, and asked for by a path: that is no place for others, so they are led to its own host.
  const led = await get(port, `${dev.path('public')}/x`)
  expect([led.status, led.headers.location]).toEqual([307, `http://${dev.host('public')}/`])
})

test('the table of access, whole', () => {
  const verdicts = APP_SHARES.flatMap((level) =>
    (['host', 'path'] as const).flatMap((by) =>
      [null, { mayConnect: false }, { mayConnect: true }].map(
        (visitor) => `${level} ${by} ${visitor ? (visitor.mayConnect ? 'owner' : 'other') : 'nobody'}: ${judge({ level, by, visitor })}`,
      ),
    ),
  )
  expect(verdicts).toEqual([
    'owner host nobody: sign-in',
    'owner host other: forbidden',
    'owner host owner: in',
    'owner path nobody: sign-in',
    'owner path other: forbidden',
    'owner path owner: in',
    'authenticated host nobody: sign-in',
    'authenticated host other: in',
    'authenticated host owner: in',
    'authenticated path nobody: sign-in',
    'authenticated path other: own-host',
    'authenticated path owner: in',
    'public host nobody: in',
    'public host other: in',
    'public host owner: in',
    'public path nobody: own-host',
    'public path other: own-host',
    'public path owner: in',
  ])
  expect(levelOf('public', 'Authenticated')).toBe('authenticated')
})

test('a ticket is good once, for its app, for a minute, and unchanged; a session for its app', async () => {
  const { url } = await backend((_request, response) => response.end('in'))
  const dev = await world.workspace([app('web', url), app('other', url)])
  const opened = await world.apps.open({
    subject: dev.subject,
    agent: null,
    what: { app: 'web' },
    rest: '/a?b=c',
    user: 'ada',
    groups: [],
    by: '',
  })
  const way = new URL((opened as { url: string }).url)
  const tried = async (change: (way: URL) => void) => {
    const changed = new URL(way)
    change(changed)
    return (await get(port, changed.pathname + changed.search, { host: way.host })).status
  }
  const ticket = way.searchParams.get('ticket')!
  // Not its last letter, of which a part stands for nothing.
  const bent = ticket.replace(/.(?=.{4}$)/, (letter) => (letter === 'A' ? 'B' : 'A'))
  expect(await tried(({ searchParams }) => searchParams.set('ticket', bent))).toBe(403)
  expect(await tried(({ searchParams }) => searchParams.set('ticket', ticket.replace('AppTicket', 'App')))).toBe(403)
  expect(await tried(({ searchParams }) => searchParams.set('to', `${dev.path('other')}/`))).toBe(403)
  expect(await tried(({ searchParams }) => searchParams.set('to', 'http://evil.example/'))).toBe(403)
  expect(await tried(({ searchParams }) => searchParams.set('to', '//evil.example/'))).toBe(403)
  const entered = await get(port, way.pathname + way.search, { host: way.host })
  expect(entered.status).toBe(303)
  expect(entered.headers.location).toBe(`${dev.path('web')}/a?b=c`)
  const [cookie = ''] = entered.headers['set-cookie'] ?? []
  expect(cookie).toMatch(new RegExp(`; Path=${dev.path('web')}; Max-Age=3600; HttpOnly; SameSite=Lax$`))
  expect(await tried(() => {})).toBe(403)
  // The session opens this app and no other, and a ticket is no session.
  const session = cookie.split(';')[0]!
  expect((await get(port, `${dev.path('web')}/`, { cookie: session })).status).toBe(200)
  expect((await get(port, `${dev.path('other')}/`, { cookie: session })).status).toBe(401)
  expect((await get(port, `${dev.path('web')}/`, { cookie: `bothy_app=${ticket}` })).status).toBe(401)
  expect((await get(port, `${dev.path('web')}/`, { cookie: `${session}x` })).status).toBe(401)
  expect((await get(port, `${dev.path('web')}/`, { authorization: `Bearer ${TOKEN}` })).status).toBe(401)
  // Of another app's making, beside ours.
  expect((await get(port, `${dev.path('web')}/`, { cookie: `bothy_app=junk; ${session}` })).status).toBe(200)
  const rows = (await world.audits()).filter(({ subject }) => subject.endsWith(dev.name))
  expect(rows).toEqual([{ actor: 'ada', action: 'app', subject: `Workspace/default/${dev.name}`, detail: { app: 'web', agent: null } }])
})

test('a page of another origin uses no session, and a name that resolves here is not ours', async () => {
  const { url, seen } = await backend((_request, response) => response.end('in'))
  const dev = await world.workspace([app('own', url, { subdomain: true }), app('open', url, { share: 'public' })])
  const { cookie, host } = await dev.enter({ app: 'own' })
  const from = (headers: Record<string, string>, method = 'GET') =>
    get(port, '/', { host, cookie, ...headers }, method).then(({ status }) => status)
  expect(await from({ 'sec-fetch-site': 'same-origin' })).toBe(200)
  expect(await from({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' })).toBe(200)
  expect(await from({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' })).toBe(403)
  expect(await from({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' })).toBe(403)
  expect(await from({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, 'POST')).toBe(403)
  expect(await from({ origin: `http://${dev.host('open')}` }, 'POST')).toBe(403)
  expect(seen.length).toBe(2)
  expect((await get(port, `${dev.path('own')}/`, { host: 'rebound.example' })).status).toBe(404)
  // What is open to all is open to pages too.
  expect((await get(port, '/', { host: dev.host('open'), 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' })).status).toBe(200)
})

test('what goes on ends with the suspension of the owner, with sharing that is taken back, and with the session', async () => {
  const { url, server } = await backend((_request, response) => void response.writeHead(200).write('begun'))
  new WebSocketServer({ server }).on('connection', (socket) => socket.send('hello'))
  const dev = await world.workspace([app('web', url, { share: 'authenticated' })])
  const begun = async (cookie: string, host: string) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host, cookie, origin: `http://${host}` } })
    let closed = false
    socket.on('close', () => (closed = true)).on('error', () => {})
    await new Promise((resolve, reject) =>
      socket.on('message', resolve).on('unexpected-response', (_r, { statusCode }) => reject(new Error(String(statusCode)))),
    )
    return { closed: () => closed, end: () => socket.terminate() }
  }
  const eve = await dev.enter({ app: 'web' }, 'eve')
  const ada = await dev.enter({ app: 'web' }, 'ada')
  const [hers, mine] = [await begun(eve.cookie, eve.host), await begun(ada.cookie, ada.host)]
  await dev.share('Owner')
  await until('the other to be cut', hers.closed)
  expect(mine.closed()).toBe(false)
  expect((await get(port, '/', { host: eve.host, cookie: eve.cookie })).status).toBe(403)

  world.suspended.add(dev.name)
  world.apps.review()
  await until('the owner to be cut', mine.closed)
  const closed = await get(port, '/', { host: ada.host, cookie: ada.cookie, accept: 'text/html' })
  expect([closed.status, closed.body]).toEqual([403, expect.stringContaining('owner is suspended')])
  world.suspended.clear()

  const again = await begun(ada.cookie, ada.host)
  await world.passes.end(world.passes.read('App', ada.cookie.replace('bothy_app=', ''))!)
  await until('the session to end', again.closed)
  expect((await get(port, '/', { host: ada.host, cookie: ada.cookie })).status).toBe(401)
})

const said = (text: string) =>
  new Promise<string>((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write(text))
    let heard = ''
    socket
      .on('data', (data: Buffer) => (heard += data.toString()))
      .on('close', () => resolve(heard))
      .on('error', () => {})
  })

test('whoever speaks no HTTP, or sends endless headers, is told so and let go', async () => {
  expect(await said('garbage\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
  expect(await said(`GET / HTTP/1.1\r\nhost: x\r\n${'x-a: bbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n'.repeat(3000)}`)).toMatch(/^HTTP\/1.1 431 /)
})
