import { createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../support/until.ts'
import { app, backend, get, withApps } from './world.ts'

/** What somebody sees when an app, its agent or its workspace is not there. */

const world = await withApps({ answerMs: 3000, perWorkspace: 8 })
const { port } = world.apps
const PAGE = { accept: 'text/html' }

/** Something that listens and is no web server. */
async function odd(meet: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => meet(socket))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
}

test('each failure is a page that says what it is and what to do', async () => {
  const ended = await odd((socket) => socket.end())
  const garbage = await odd((socket) => void socket.write('\u0000\u0001garbage\n\n'))
  const silent = await odd(() => {})
  const endless = await odd((socket) => {
    const more = (): void => {
      while (socket.writable && socket.write('x-more: and more\r\n'.repeat(500)));
      if (!socket.destroyed) socket.once('drain', more)
    }
    socket.write('HTTP/1.1 200 OK\r\n')
    more()
  })
  const nobody = 'http://127.0.0.1:9'
  const dev = await world.workspace([
    app('ended', ended),
    app('garbage', garbage),
    app('silent', silent),
    app('endless', endless, { displayName: 'Endless & <b>bold</b>' }),
    app('nobody', nobody),
    app('shell', '', { command: 'htop' }),
    app('odd', 'ftp://x'),
  ])
  const seen = async (slug: string) => {
    const opened = slug === 'shell' || slug === 'odd' ? null : await dev.enter({ app: slug })
    const { status, body, headers } = await get(port, `${dev.path(slug)}/`, { ...PAGE, cookie: opened?.cookie ?? '' })
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/)
    return [status, /<h1>(.*?)<\/h1>/.exec(body)?.[1], /<h1>.*?<\/h1><p>(.*?)<\/p>/.exec(body)?.[1]]
  }
  expect(await seen('ended')).toEqual([502, 'ended gave no proper answer', 'What it sent is no HTTP, or broke off.'])
  expect(await seen('garbage')).toEqual([502, 'garbage gave no proper answer', 'What it sent is no HTTP, or broke off.'])
  expect(await seen('silent')).toEqual([504, 'silent does not answer', 'It took the request, and said nothing for too long.'])
  expect(await seen('endless')).toEqual([
    502,
    'Endless &amp; &lt;b&gt;bold&lt;/b&gt; gave no proper answer',
    'What it sent is no HTTP, or broke off.',
  ])
  expect(await seen('nobody')).toEqual([
    502,
    'nobody cannot be reached',
    expect.stringMatching(/^Nothing answers at 127\.0\.0\.1:9 in the workspace: /),
  ])
  expect((await seen('shell'))[0]).toBe(401)

  await dev.kill()
  const away = await until('the agent to be away', async () => {
    const found = await get(port, `${dev.path('nobody')}/`, { ...PAGE, cookie: (await dev.enter({ app: 'nobody' })).cookie })
    return found.status === 503 ? found : null
  })
  expect(away.body).toContain('The workspace is out of reach for the moment')
  expect(away.body).toContain('http-equiv="refresh" content="3"')
  expect(away.headers['retry-after']).toBe('3')

  const { cookie } = await dev.enter({ app: 'nobody' })
  await dev.stop()
  const stopped = await get(port, `${dev.path('nobody')}/`, { ...PAGE, cookie })
  expect([stopped.status, stopped.body]).toEqual([503, expect.stringContaining(`Workspace ${dev.name} is stopped`)])
  expect(stopped.body).toContain(`<code>bothy start ${dev.name}</code>`)
  await expect(dev.enter({ app: 'nobody' })).rejects.toThrow(`Workspace ${dev.name} is stopped.`)
  // Without a page to show, the same in words.
  const plain = await get(port, `${dev.path('nobody')}/`, { cookie })
  expect(plain.body).toMatch(/^Workspace .* is stopped\n/)
  expect((await get(port, '/somewhere')).status).toBe(404)
  expect((await get(port, `/@ada/${dev.name}/apps/none/`)).status).toBe(401)
})

test('more at once than one workspace may have is refused, and it is over when they are', async () => {
  const { url } = await backend((_request, response) => void response.writeHead(200).write('begun'))
  const dev = await world.workspace([app('web', url)])
  const { cookie } = await dev.enter({ app: 'web' })
  const { request } = await import('node:http')
  const open = await Promise.all(
    Array.from(
      { length: 8 },
      () =>
        new Promise<() => void>((resolve) => {
          const sent = request({ host: '127.0.0.1', port, path: `${dev.path('web')}/`, agent: false, headers: { cookie } })
          sent
            .on('error', () => {})
            .on('response', (answer) => {
              answer.on('error', () => {})
              resolve(() => sent.destroy())
            })
          sent.end()
        }),
    ),
  )
  const refused = await get(port, `${dev.path('web')}/`, { cookie })
  expect([refused.status, refused.body]).toEqual([503, expect.stringContaining('Too much is open')])
  for (const end of open) end()
  await until('the others to be over', async () => {
    const sent = request({ host: '127.0.0.1', port, path: `${dev.path('web')}/`, agent: false, headers: { cookie } })
    const status = await new Promise((resolve) => {
      sent
        .on('error', () => resolve(0))
        .on('response', (answer) => {
          answer.on('error', () => {})
          resolve(answer.statusCode)
        })
      sent.end()
    })
    sent.destroy()
    return status === 200
  })
})
