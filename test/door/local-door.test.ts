import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { dial, LinkRefused } from '../../agent/link.ts'
import { HEADER_PROTOCOL, PROTOCOL } from '../../agent/protocol.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { openLocalDoor, type LocalDoor } from '../../controller/connect/local-door.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** The socket that is mounted into containers: agents come in by it, and nobody else. */

async function doorAt(folder: string, upgrade: (request: IncomingMessage, socket: Duplex) => void = accept): Promise<LocalDoor> {
  const door = await openLocalDoor({ folder, upgrade, log: silentLog })
  onTestFinished(() => door.close())
  return door
}

const accept = (asked: IncomingMessage, socket: Duplex): void => {
  const who = String(asked.headers['bothy-agent-id'])
  socket.end(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${asked.headers.upgrade}\r\n\r\nhello ${who}`)
}

const dialled = (url: string) => dial({ url, agentId: 'agent-1', token: 'secret', clock: systemClock })

async function textOf(link: Duplex): Promise<string> {
  let text = ''
  for await (const part of link) text += String(part)
  return text
}

const answered = (socketPath: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers, agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    asked.on('upgrade', (answer, socket) => {
      socket.destroy()
      resolve(answer.statusCode ?? 0)
    })
    asked.on('error', reject)
    asked.end()
  })

test.each(['unix://', 'unix:'])('an agent dials a url that begins with %s', async (scheme) => {
  const door = await doorAt(join(temporaryFolder(), 'door'))
  expect(await textOf(await dialled(`${scheme}${door.path}`))).toBe('hello agent-1')
})

test('the folder can be passed through by anybody and listed by nobody, and anybody may knock', async () => {
  const folder = join(temporaryFolder(), 'door')
  const door = await doorAt(folder)
  expect([statSync(folder).mode & 0o777, statSync(door.path).mode & 0o777]).toEqual([0o711, 0o666])
})

test('nothing but links of agents is served', async () => {
  const door = await doorAt(join(temporaryFolder(), 'door'))
  const upgrade = { connection: 'Upgrade', upgrade: 'bothy-h2' }
  expect(await answered(door.path, '/agent/v1/connect')).toBe(404)
  expect(await answered(door.path, '/apis/bothy.dev/v1alpha1/workspaces')).toBe(404)
  expect(await answered(door.path, '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev/exec', upgrade)).toBe(404)
  expect(await answered(door.path, '/agent/v1/connect?x=1', upgrade)).toBe(404)
  expect(await answered(door.path, '/agent/v1/connect', upgrade)).toBe(101)
  await expect(answered(door.path, '/agent/v1/connect', { ...upgrade, long: 'x'.repeat(20_000) })).rejects.toThrow(
    /hang up|ECONNRESET|EPIPE/,
  )
  const noise = createConnection(door.path)
  noise.on('error', () => {})
  noise.write('\0\0 no http at all\r\n\r\n')
  await until('noise to be hung up on', () => noise.destroyed || noise.readableEnded || noise.closed)
})

test('a socket that a dead control plane left is replaced, in the same folder', async () => {
  const folder = join(temporaryFolder(), 'door')
  mkdirSync(folder)
  chmodSync(folder, 0o700)
  writeFileSync(join(folder, 'agent.sock'), '')
  const first = await doorAt(folder)
  const { ino } = statSync(folder)
  await first.close()
  expect(existsSync(first.path)).toBe(false)
  const second = await doorAt(folder)
  expect(statSync(folder).ino).toBe(ino)
  expect(await textOf(await dialled(`unix://${second.path}`))).toBe('hello agent-1')
})

test('a state folder whose path is longer than the kernel takes for a socket has its door too', async () => {
  const folder = join(temporaryFolder(), 'a'.repeat(60), 'b'.repeat(60))
  const door = await doorAt(folder)
  expect(Buffer.byteLength(door.path)).toBeGreaterThan(107)
  // As a container sees it: under a short path.
  const { open } = await import('node:fs/promises')
  const held = await open(folder, 'r')
  expect(await textOf(await dialled(`unix:///proc/self/fd/${held.fd}/agent.sock`))).toBe('hello agent-1')
  await held.close()
  await door.close()
  expect(existsSync(door.path)).toBe(false)
})

const says = (line: string) => (_asked: IncomingMessage, socket: Duplex) =>
  void socket.end(`HTTP/1.1 ${line}\r\n${HEADER_PROTOCOL}: ${PROTOCOL}\r\nconnection: close\r\n\r\nno`)

test('an agent that is refused learns it, and one that is told to come again tries again', async () => {
  const refusing = await doorAt(join(temporaryFolder(), 'door'), says('403 Forbidden'))
  await expect(dialled(`unix://${refusing.path}`)).rejects.toBeInstanceOf(LinkRefused)
  const busy = await doorAt(join(temporaryFolder(), 'door'), says('503 Service Unavailable'))
  const error: unknown = await dialled(`unix://${busy.path}`).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Error)
  expect(error).not.toBeInstanceOf(LinkRefused)
  await expect(dialled('unix:///nonexistent/agent.sock')).rejects.toThrow(/ENOENT/)
})
