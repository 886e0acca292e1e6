import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { halfClosingDuplex } from '../../controller/kernel/half-closing-duplex.ts'
import { Refused } from '../../controller/kernel/errors.ts'
import { SERVICES } from '../../agent/protocol.ts'
import { startControlPlane } from '../agent/control-plane.ts'
import { makeAgent, reached, script, startAgent, type Made } from '../agent/world.ts'
import { freePort } from '../support/ports.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { all, enter, opened, said, sshClient } from './person.ts'

/** What lies between a person and a port or the ssh server of a workspace: refusals, ends, the audit, and who may be there. */

const { db } = await withDatabase()
const barred = new Set<string>()
const plane = await startControlPlane(db, 0, ({ uid }) => (barred.has(uid) ? new Refused('Forbidden', 'The owner is suspended.') : null))
afterAll(() => plane.close())

async function workspace(manifest: Parameters<typeof makeAgent>[1] = {}, lifecycle = 'Ready'): Promise<Made & { home: string }> {
  const made = await makeAgent(db, manifest)
  const { home } = startAgent(made, plane.url)
  await reached(db, made, lifecycle)
  return { ...made, home }
}

async function listening(onConnection: (socket: Socket) => void, path?: string): Promise<{ target: string }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    onConnection(socket)
  })
  await new Promise<void>((resolve) => (path ? server.listen(path, resolve) : server.listen(0, '127.0.0.1', resolve)))
  onTestFinished(() => void server.close())
  const address = server.address()
  return { target: typeof address === 'object' && address ? `tcp:127.0.0.1:${address.port}` : `unix:${path}` }
}

const entries = ({ workspace: name }: Made, action: string) =>
  db.query<{ actor: string; origin: string; detail: Record<string, unknown> }>(
    'select actor, origin, detail from audit where action = $1 and subject = $2 order by id',
    [action, `Workspace/default/${name}`],
  )

const throughWebSocket = async (made: Made, target: string) => {
  const url = `${plane.url.replace('http', 'ws')}/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/${made.workspace}/port?target=${encodeURIComponent(target)}`
  const socket = new WebSocket(url)
  await once(socket, 'open')
  return halfClosingDuplex(socket).on('error', () => {})
}

const countUntilEnd = (socket: Socket) => {
  let bytes = 0
  socket.on('data', (data) => (bytes += data.length))
  // Said only after the other has ended.
  socket.on('end', () => socket.end(`heard ${bytes}`))
}

test('each direction of a connection to a port has its own end, over a bare socket and over a WebSocket, by TCP and by path', async () => {
  const made = await workspace()
  const [tcp, unix] = [await listening(countUntilEnd), await listening(countUntilEnd, join(temporaryFolder(), 'a.sock'))]
  for (const { target } of [tcp, unix]) {
    for (const connection of [await enter(plane.url, made, 'port', { target }), await throughWebSocket(made, target)]) {
      connection.end(Buffer.alloc(3_000_000))
      expect(await all(connection)).toBe('heard 3000000')
    }
  }
  const rows = await until('the audit', async () => {
    const found = await entries(made, 'port-forward')
    return found.length === 4 ? found : null
  })
  expect(rows[0]).toEqual({
    actor: 'ada',
    origin: '127.0.0.1',
    detail: { agent: 'main', seconds: expect.any(Number), bytesIn: 3_000_000, bytesOut: 13, target: tcp.target, use: 'PortForward' },
  })
})

test('what is cut short never looks like an end', async () => {
  const made = await workspace()
  const { target } = await listening((socket) => {
    socket.once('data', () => socket.write('half of it', () => socket.resetAndDestroy()))
  })
  for (const connection of [await enter(plane.url, made, 'port', { target }), await throughWebSocket(made, target)]) {
    connection.write('go')
    await expect(all(connection)).rejects.toThrow()
  }
})

test('a port where nobody listens is refused before any byte, and what makes no sense is said to', async () => {
  const made = await workspace()
  const place = `127.0.0.1:${await freePort()}`
  await expect(enter(plane.url, made, 'port', { target: `tcp:${place}` })).rejects.toThrow(
    `Nothing answers at ${place} in the workspace: the connection was refused.`,
  )
  await expect(enter(plane.url, made, 'port', { target: 'unix:/no/such' })).rejects.toThrow('there is no such socket')
  for (const wrong of ['', 'tcp:x', 'tcp:127.0.0.1:70000', 'file:/etc/passwd', 'unix:relative'])
    await expect(enter(plane.url, made, 'port', { target: wrong }), wrong).rejects.toThrow('target must be like')
})

test('a reader that does not read holds the sender back', async () => {
  const made = await workspace()
  let sent = 0
  const { target } = await listening((socket) => {
    const piece = Buffer.alloc(256 * 1024)
    const more = () => {
      while (sent < 400_000_000 && !socket.destroyed) {
        sent += piece.length
        if (!socket.write(piece)) return void socket.once('drain', more)
      }
    }
    more()
  })
  const connection = await enter(plane.url, made, 'port', { target })
  let before = -1
  await until(
    'the sender to stand still',
    () => {
      const stands = sent > 0 && sent === before
      before = sent
      return stands
    },
    { everyMs: 300 },
  )
  expect(sent).toBeLessThan(60_000_000)
  connection.destroy()
})

test('ports that are listened on are listed with the name of their process', async () => {
  const made = await workspace()
  const { target } = await listening(() => {})
  const stream = await plane.connections.openStream(made.id, SERVICES.ports)
  stream.end()
  const ports = JSON.parse(await all(stream)) as { port: number; process: string }[]
  expect(ports).toContainEqual({ port: Number(target.split(':').at(-1)), process: expect.stringMatching(/./) })
})

test('whoever is suspended is out of ssh and of ports at once; others stay', async () => {
  const [mine, other] = [await workspace(), await workspace()]
  const { target } = await listening(() => {})
  const client = await sshClient(await enter(plane.url, mine, 'ssh'))
  const kept = await sshClient(await enter(plane.url, other, 'ssh'))
  const port = await enter(plane.url, mine, 'port', { target })
  const over = Promise.all([new Promise<void>((resolve) => client.on('close', () => resolve())), expect(all(port)).rejects.toThrow()])
  barred.add(mine.workspace)
  plane.connections.review()
  await over
  for (const service of ['ssh', 'port'] as const)
    await expect(enter(plane.url, mine, service, { target })).rejects.toThrow('The owner is suspended.')
  expect(await said(kept, 'echo still')).toBe('still\n')
  kept.end()
  barred.clear()
  const rows = await until('the audit', async () => {
    const found = await entries(mine, 'ssh')
    return found.length === 1 ? found : null
  })
  expect(rows[0]?.detail).toMatchObject({ agent: 'main', bytesIn: expect.any(Number) })
})

test('who is there by ssh, with an editor or at a port is use of the workspace, under their name', async () => {
  const made = await workspace()
  const { target } = await listening(() => {})
  const client = await sshClient(await enter(plane.url, made, 'ssh'))
  expect(await said(client, 'echo by ssh')).toBe('by ssh\n')
  expect(await said(client, 'echo ~/.vscode-server/bin')).toMatch(/vscode-server/)
  const port = await enter(plane.url, made, 'port', { target })
  const used = ['Ide', 'PortForward', 'Ssh'].map((kind) => ({ kind, actor: 'ada' }))
  await until('the uses', async () => {
    const rows = await db.query('select distinct kind, actor from activity where workspace_uid = $1 order by kind', [made.workspace])
    return JSON.stringify(rows) === JSON.stringify(used)
  })
  port.destroy()
  client.end()
})

test('a login waits for what the template wants ended first; Ctrl-C goes in, and so does who says so', async () => {
  const gate = join(temporaryFolder(), 'open')
  const scripts = [script('prepare', `while [ ! -e ${gate} ]; do sleep 0.05; done`, { blocksLogin: true })]
  const made = await workspace({ scripts }, 'Starting')
  const client = await sshClient(await enter(plane.url, made, 'ssh'))
  const shell = await new Promise<import('ssh2').ClientChannel>((resolve, reject) =>
    client.shell({ rows: 24, cols: 80 }, (error, channel) => (error ? reject(error) : resolve(channel))),
  )
  let seen = ''
  shell.on('data', (data: Buffer) => (seen += data.toString()))
  await until('the reason', () => seen.includes('The workspace is starting: prepare has not ended yet. Ctrl-C goes in now.'))
  shell.write('\u0003')
  await until('the way in', () => seen.includes('Going in before it is ready.'))
  shell.write('echo in-$((40+2))\r')
  await until('a shell', () => seen.includes('in-42'))

  const waiting = await opened(client, 'echo waited')
  let told = ''
  waiting.stderr.on('data', (data: Buffer) => (told += data.toString()))
  await until('the reason', () => told.includes('SetEnv BOTHY_NO_WAIT=1 does not wait'))
  expect(
    await new Promise((resolve, reject) =>
      client.exec('echo at once', { env: { BOTHY_NO_WAIT: '1' } }, (error, channel) =>
        error ? reject(error) : channel.once('data', (data: Buffer) => resolve(String(data))),
      ),
    ),
  ).toBe('at once\n')
  let text = ''
  waiting.on('data', (data: Buffer) => (text += data.toString()))
  const ended = once(waiting, 'close')
  expect(text).toBe('')
  writeFileSync(gate, '')
  await ended
  expect({ text, told }).toEqual({ text: 'waited\n', told: expect.stringMatching(/It is ready\.\n$/) })
  client.end()
})
