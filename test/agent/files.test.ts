import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync, lstatSync, readlinkSync, renameSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { answerRefused, refusedBy } from '../../controller/api/answer.ts'
import { filesQuery } from '../../controller/connect/files-query.ts'
import { tarHeader, TAR_END, tarPadding } from '../../controller/kernel/tar.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { makeAgent, reached, startAgent } from './world.ts'

const { db } = await withDatabase()
const plane = await startControlPlane(db)
const made = await makeAgent(db)

/** The files of the one workspace, over a real HTTP server. */
const server = createServer((request, response) => {
  const query = new URL(request.url ?? '', 'http://x').searchParams
  const serve = async () => {
    const method = request.method === 'PUT' || request.method === 'POST' ? request.method : 'GET'
    const subject = { uid: made.workspace, namespace: 'default', name: made.workspace }
    await plane.connections.files({ subject, agentName: null, actor: 'ada', asked: filesQuery(method, query) }, request, response)
  }
  serve().catch((error: unknown) => (response.headersSent ? response.destroy() : answerRefused(response, refusedBy(error, 'test'))))
})
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
const { port } = server.address() as { port: number }
afterAll(async () => {
  server.close()
  server.closeAllConnections()
  await plane.close()
})

interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly trailers: NodeJS.Dict<string>
  readonly headers: IncomingMessage['headers']
  readonly json: () => { readonly [name: string]: unknown }
}

const asked = (method: string, query: Readonly<Record<string, string>>, body?: Buffer): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const path = `/?${new URLSearchParams(query)}`
    const sent = httpRequest({ host: '127.0.0.1', port, method, path, agent: false }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () => {
        const whole = Buffer.concat(parts)
        const { statusCode: status = 0, trailers, headers } = answer
        resolve({ status, body: whole, trailers, headers, json: () => JSON.parse(whole.toString()) })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })

const agentOf = () => {
  const agent = startAgent(made, plane.url)
  return { ...agent, at: (...parts: string[]) => join(agent.home, ...parts) }
}

test('a file is written whole, read in ranges, listed, moved and removed', async () => {
  const { at } = agentOf()
  await reached(db, made, 'Ready')
  const data = randomBytes(3_000_000)
  expect((await asked('POST', { op: 'mkdir', path: 'a/b c/ü', recursive: 'true' })).status).toBe(200)
  expect((await asked('PUT', { op: 'write', path: 'a/b c/ü/x.bin', mode: '0640', mtime: '1700000000123' }, data)).json()).toEqual({
    bytes: 3_000_000,
  })
  expect(readFileSync(at('a/b c/ü/x.bin')).equals(data)).toBe(true)
  const read = await asked('GET', { op: 'read', path: 'a/b c/ü/x.bin' })
  expect({ same: read.body.equals(data), trailers: read.trailers }).toEqual({ same: true, trailers: { 'bothy-complete': '1' } })
  expect(read.headers).toMatchObject({ 'bothy-mode': '416', 'bothy-mtime': '1700000000123', 'content-disposition': 'attachment' })
  const part = await asked('GET', { op: 'read', path: 'a/b c/ü/x.bin', offset: '1000000', length: '70000' })
  expect(part.body.equals(data.subarray(1_000_000, 1_070_000))).toBe(true)
  expect((await asked('GET', { op: 'list', path: 'a/b c' })).json()).toMatchObject({
    entries: [{ name: 'ü', type: 'folder' }],
    truncated: false,
  })
  await asked('POST', { op: 'move', path: 'a/b c/ü/x.bin', to: 'a/y' })
  expect((await asked('GET', { op: 'stat', path: 'a/y' })).json()).toMatchObject({ type: 'file', size: 3_000_000 })
  expect((await asked('POST', { op: 'remove', path: 'a' })).json()).toMatchObject({
    reason: 'Conflict',
    message: 'a: it is there already.'.replace('it is there already', 'the folder is not empty'),
  })
  expect((await asked('POST', { op: 'remove', path: 'a', recursive: 'true' })).status).toBe(200)
  expect(readdirSync(at('.'))).not.toContain('a')
})

test('nothing leads out of the root: not dots, not links, not a link put there meanwhile; links inside are followed', async () => {
  const { at, home } = agentOf()
  const elsewhere = temporaryFolder('bothy-elsewhere-')
  writeFileSync(join(elsewhere, 'secret'), 'secret')
  await until('the agent', async () => (await asked('GET', { op: 'stat', path: '.' })).status === 200)
  symlinkSync(elsewhere, at('out'))
  symlinkSync(join(elsewhere, 'secret'), at('file'))
  symlinkSync('../../../../../../etc', at('up'))
  mkdirSync(at('inside'))
  writeFileSync(at('inside/f'), 'fine')
  symlinkSync('inside', at('relative'))
  symlinkSync(join(home, 'inside'), at('absolute'))
  symlinkSync('loop', at('loop'))
  const refused = async (query: Readonly<Record<string, string>>, method = 'GET') =>
    (await asked(method, query, method === 'PUT' ? Buffer.from('x') : undefined)).json()['message']
  for (const path of ['out/secret', 'file', 'up/passwd', '../x', 'inside/../../x', '/../etc/passwd'])
    expect(await refused({ op: 'read', path })).toBe(`The path leads out of ${home}.`)
  expect(await refused({ op: 'write', path: 'out/new' }, 'PUT')).toContain('leads out')
  expect(await refused({ op: 'write', path: 'file' }, 'PUT')).toContain('leads out')
  expect(await refused({ op: 'read', path: 'loop' })).toContain('Too many links')
  expect(readFileSync(join(elsewhere, 'secret'), 'utf8')).toBe('secret')
  for (const path of ['relative/f', 'absolute/f', 'inside/../relative/f'])
    expect((await asked('GET', { op: 'read', path })).body.toString()).toBe('fine')
  expect((await asked('GET', { op: 'read', path: join(elsewhere, 'secret'), root: '/' })).body.toString()).toBe('secret')

  // A folder that becomes a link and back again, while it is read a thousand times: what is outside is never seen.
  mkdirSync(at('real'))
  writeFileSync(at('real/secret'), 'ours')
  const over = new AbortController()
  const flip = async () => {
    symlinkSync(elsewhere, at('trap'))
    while (!over.signal.aborted) {
      renameSync(at('real'), at('aside'))
      renameSync(at('trap'), at('real'))
      renameSync(at('real'), at('trap'))
      renameSync(at('aside'), at('real'))
      await new Promise((next) => setImmediate(next))
    }
  }
  const flipping = flip()
  const seen = new Set<string>()
  for (let i = 0; i < 30; i += 1) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => asked('GET', { op: 'read', path: 'real/secret' })))
    for (const { status, body } of answers) if (status === 200) seen.add(body.toString())
  }
  over.abort()
  await flipping
  expect([...seen].filter((text) => text !== 'ours')).toEqual([])
})

test('an upload that breaks off leaves nothing, and what was there stays', async () => {
  const { at } = agentOf()
  await until('the agent', async () => (await asked('GET', { op: 'stat', path: '.' })).status === 200)
  writeFileSync(at('kept'), 'before')
  const sent = httpRequest({ host: '127.0.0.1', port, method: 'PUT', path: '/?op=write&path=kept', agent: false })
  sent.on('error', () => {})
  sent.write(Buffer.alloc(500_000, 'x'))
  await until('a part of it to be there', () => readdirSync(at('.')).some((name) => name.endsWith('.part')))
  sent.destroy()
  await until('it to be gone', () => readdirSync(at('.')).every((name) => !name.endsWith('.part')))
  expect(readFileSync(at('kept'), 'utf8')).toBe('before')
})

const file = (path: string) => [
  tarHeader({ type: 'file', path, mode: 0o644, mtimeMs: 0, size: 1, target: '' }),
  Buffer.from('x'),
  tarPadding(1),
]
const link = (path: string, target: string) => [tarHeader({ type: 'link', path, mode: 0o777, mtimeMs: 0, size: 0, target })]

test('folders go out and come in as tar, with modes, times and links; hostile names and links lead nowhere', async () => {
  const { at } = agentOf()
  await until('the agent', async () => (await asked('GET', { op: 'stat', path: '.' })).status === 200)
  const long = 'n'.repeat(120)
  mkdirSync(at('tree', long), { recursive: true })
  writeFileSync(at('tree', long, 'ünï'), randomBytes(70_000), { mode: 0o751 })
  symlinkSync('ünï', at('tree', long, 'link'))
  const packed = await asked('GET', { op: 'pack', path: 'tree' })
  expect(packed.trailers).toEqual({ 'bothy-complete': '1' })
  mkdirSync(at('copy'))
  expect((await asked('PUT', { op: 'unpack', path: 'copy' }, packed.body)).json()).toEqual({ entries: 4, bytes: 70_000 })
  expect(readFileSync(at('copy/tree', long, 'ünï')).equals(readFileSync(at('tree', long, 'ünï')))).toBe(true)
  expect(statSync(at('copy/tree', long, 'ünï')).mode & 0o777).toBe(0o751)
  expect(readlinkSync(at('copy/tree', long, 'link'))).toBe('ünï')

  const unpacked = async (...parts: Buffer[][]) =>
    (await asked('PUT', { op: 'unpack', path: 'copy' }, Buffer.concat([...parts.flat(), TAR_END]))).json()['message']
  const elsewhere = temporaryFolder('bothy-elsewhere-')
  expect(await unpacked(file('../escaped'))).toContain('leads elsewhere')
  expect(await unpacked(file('/escaped'))).toContain('leads elsewhere')
  expect(await unpacked(link('trap', elsewhere), file('trap/escaped'))).toContain('no folder')
  expect({ outside: readdirSync(elsewhere), trap: lstatSync(at('copy/trap')).isSymbolicLink() }).toEqual({ outside: [], trap: true })
  expect((await asked('PUT', { op: 'unpack', path: 'copy' }, Buffer.alloc(4096, 'x'))).json()['message']).toContain('the stream is no tar')
  const cut = packed.body.subarray(0, 30_000)
  expect((await asked('PUT', { op: 'unpack', path: 'copy' }, cut)).status).toBe(409)
  expect(readdirSync(at('copy/tree', long)).toSorted()).toEqual(['link', 'ünï'])
})

test('each transfer is a row of the audit with its bytes', async () => {
  const rows = await until('rows', async () => {
    const found = await db.query<{ actor: string; detail: unknown }>(
      `select actor, detail from audit where action = 'files' and detail->>'op' = 'write'`,
    )
    return found.length > 0 ? found : null
  })
  expect(rows[0]).toMatchObject({ actor: 'ada', detail: { path: 'a/b c/ü/x.bin', bytesIn: 3_000_000, agent: 'main' } })
})

test('who leaves in the middle of a read, or before it began, leaves nothing behind', async () => {
  const { at } = agentOf()
  // Its row may still say what the agent of the test before said last.
  await until('the agent', async () => (await asked('GET', { op: 'stat', path: '.' })).status === 200)
  writeFileSync(at('large.bin'), randomBytes(24_000_000))
  const before = await until('the audit', async () => (await rowsOf('read')).length)
  const slowly = () =>
    new Promise<void>((gone) => {
      const sent = httpRequest({ host: '127.0.0.1', port, path: '/?op=read&path=large.bin', agent: false }, (answer) => {
        // Reads nothing more: what is on the way stands still.
        answer.once('readable', () => {
          answer.socket.pause()
          setImmediate(() => answer.destroy())
        })
      })
      sent.on('error', () => {})
      sent.on('close', gone)
      sent.end()
    })
  await Promise.all(Array.from({ length: 4 }, slowly))
  const rows = await until('each to be over', async () => {
    const found = await rowsOf('read')
    return found.length === before + 4 ? found : null
  })
  expect(rows.slice(-4).every(({ origin }) => origin !== '')).toBe(true)
  // Gone while its agent was looked for.
  const early = httpRequest({ host: '127.0.0.1', port, path: '/?op=watch&path=.', agent: false })
  early.on('error', () => {})
  server.once('request', () => early.destroy())
  early.end()
  await until('the one that was gone before to be over', async () => (await rowsOf('watch')).length > 0)
})

const rowsOf = (op: string) =>
  db.query<{ origin: string }>("select origin from audit where action = 'files' and detail->>'op' = $1 order by id", [op])
