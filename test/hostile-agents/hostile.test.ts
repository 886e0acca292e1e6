import { spawn } from 'node:child_process'
import { performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CONNECT_PATH, HEADER_AGENT_ID, HEADER_PROTOCOL, HEADER_TOKEN, PROTOCOL, SERVICES, type AgentHello } from '../../agent/protocol.ts'
import { CLEARS_AT_USR2, growthFromNow, heldBy, peakMiB } from '../support/memory.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { knownAgents, startFleet, type Fleet, type Known } from './fleet.ts'
import { h2Frame, letIn, PING, pour, SETTINGS } from './peer.ts'

/** A control plane in a process of its own, five agents that behave, and one that does not. */

const { db, url: databaseUrl } = await withDatabase()

interface Memory {
  /** Neither while it was attacked nor afterwards. */
  stayed(): Promise<void>
}

interface World {
  readonly port: number
  readonly said: () => string
  readonly memory: () => Promise<Memory>
  readonly good: Fleet
  /** Nobody else noticed: the agents that behave are where they were, and health is answered. */
  unaffected(): Promise<void>
}

const GOOD = 5
/** More than any of these attacks needs, and far less than what is sent at it. */
const MEMORY_MIB_MAX = 120
/** With what is cleared away when there is time for that. */
const PEAK_MIB_MAX = 2 * MEMORY_MIB_MAX

async function world(): Promise<World> {
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    ...CLEARS_AT_USR2,
    join(import.meta.dirname, 'plane.ts'),
    databaseUrl,
    '0',
  ])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  const exited = new Promise((resolve) => child.on('close', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  await until('the control plane to listen', () => stdout.includes('\n'))
  const port = Number(stdout)
  const good = startFleet(() => `http://127.0.0.1:${port}`, await knownAgents(db, GOOD))
  onTestFinished(() => good.end())
  await until('those that behave to be linked', () => good.linked === GOOD)
  const { links } = good
  return {
    port,
    said: () => stderr,
    memory: () => memoryOf(child.pid ?? 0),
    good,
    async unaffected() {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`)
      expect({ health: answer.status, linked: good.linked, links: good.links, exit: child.exitCode }).toEqual({
        health: 200,
        linked: GOOD,
        links,
        exit: null,
      })
    },
  }
}

async function memoryOf(pid: number): Promise<Memory> {
  const held = heldBy(pid)
  const [growth, before] = [await growthFromNow(held), held.residentMiB()]
  return {
    async stayed() {
      expect(peakMiB(pid) - before).toBeLessThan(PEAK_MIB_MAX)
      await growth.isLessThan(MEMORY_MIB_MAX)
    },
  }
}

async function someone(): Promise<Known> {
  const [known] = await knownAgents(db, 1)
  if (!known) throw new Error('no agent was made')
  return known
}

const gone = (socket: Socket, limitMs = 15_000) => until('the hostile link to be cut', () => socket.destroyed, { limitMs })

/** Health is asked all the while; it must be answered each time, however long that takes. */
async function whileHealthy<T>(port: number, attack: Promise<T>): Promise<T> {
  const attacked = { over: false }
  void attack.catch(() => {}).finally(() => (attacked.over = true))
  let answered = 0
  while (!attacked.over) {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`)
    expect(answer.status).toBe(200)
    answered += 1
  }
  expect(answered).toBeGreaterThan(0)
  return attack
}

const GARBAGE: readonly (readonly [string, () => Buffer])[] = [
  ['bytes of nothing', () => Buffer.alloc(64 * 1024, 0xa5)],
  ['a frame longer than any may be', () => Buffer.concat([SETTINGS, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])])],
  ['data for a stream that nobody opened', () => Buffer.concat([SETTINGS, h2Frame(0, 0, 99, Buffer.alloc(1000))])],
  ['headers that break off and go on elsewhere', () => Buffer.concat([SETTINGS, h2Frame(1, 0, 1, Buffer.alloc(10)), PING])],
  ['settings that make no sense', () => h2Frame(4, 0, 0, Buffer.from([0, 4, 0xff, 0xff, 0xff, 0xff]))],
]

test.each(GARBAGE)('%s: dropped, logged, and let in again later', async (_name, bytes) => {
  const { port, said, unaffected } = await world()
  const bad = await someone()
  const socket = await letIn(port, bad)
  socket.resume().write(bytes())
  await gone(socket)
  await until('a line in the log', () => said().includes(bad.id))
  expect(
    said()
      .split('\n')
      .filter((line) => line.includes(bad.id)).length,
  ).toBeLessThanOrEqual(2)
  await unaffected()
})

const FLOODS: readonly (readonly [string, Buffer])[] = [
  ['pings', Buffer.concat(Array.from({ length: 1000 }, () => PING))],
  ['settings', Buffer.concat(Array.from({ length: 1000 }, () => SETTINGS))],
  ['priorities', Buffer.concat(Array.from({ length: 1000 }, () => h2Frame(2, 0, 1, Buffer.from([0, 0, 0, 3, 16]))))],
  ['window updates', Buffer.concat(Array.from({ length: 1000 }, (_, i) => h2Frame(8, 0, 0, Buffer.from([0, 0, 0, (i % 2) + 1]))))],
  ['frames of kinds that do not exist', Buffer.concat(Array.from({ length: 1000 }, () => h2Frame(0x77, 0, 0, Buffer.alloc(100))))],
]

test.each(FLOODS)('a flood of %s is cut', async (_name, bytes) => {
  const { port, memory, unaffected } = await world()
  const used = await memory()
  const socket = await letIn(port, await someone())
  socket.resume().write(SETTINGS)
  const sent = await whileHealthy(port, pour(socket, bytes, 4 * 1024 ** 3))
  expect(sent).toBeLessThan(4 * 1024 ** 3)
  await gone(socket)
  await used.stayed()
  await unaffected()
})

/** It speaks HTTP/2, and answers as it likes. */
async function serving(
  port: number,
  known: Known,
  answers: Readonly<Record<string, (stream: ServerHttp2Stream) => void>>,
): Promise<Socket> {
  const socket = await letIn(port, known)
  const session = performServerHandshake(socket, { maxSessionMemory: 1000 })
  session.on('error', () => {})
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    answers[String(headers[':path'])]?.(stream)
  })
  return socket
}

const HELLO: AgentHello = { protocol: PROTOCOL, version: 'bad', runId: 'bad', pid: 1, lifecycle: 'Ready', message: '' }
const helloed = (stream: ServerHttp2Stream): void => {
  stream.respond({ ':status': 200 })
  stream.end(JSON.stringify(HELLO))
}
const endless = (bytes: Buffer) => (stream: ServerHttp2Stream) => {
  stream.respond({ ':status': 200 })
  const more = () => {
    while (!stream.destroyed && stream.write(bytes)) continue
    if (!stream.destroyed) stream.once('drain', more)
  }
  more()
}

const ANSWERS: readonly (readonly [string, Readonly<Record<string, (stream: ServerHttp2Stream) => void>>])[] = [
  ['a hello of megabytes', { [SERVICES.hello]: endless(Buffer.alloc(64 * 1024, 0x20)) }],
  ['a hello that is none', { [SERVICES.hello]: (stream) => (stream.respond({ ':status': 200 }), stream.end('{"protocol":7}')) }],
  ['a report without an end', { [SERVICES.hello]: helloed, [SERVICES.events]: endless(Buffer.alloc(64 * 1024, 0x61)) }],
  ['reports that are none', { [SERVICES.hello]: helloed, [SERVICES.events]: endless(Buffer.from('{"seq":1}\n')) }],
  [
    'headers of megabytes',
    {
      [SERVICES.hello]: (stream) =>
        stream.respond({ ':status': 200, ...Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, 'y'.repeat(8000)])) }),
    },
  ],
]

test.each(ANSWERS)('%s: cut', async (_name, answers) => {
  const { port, memory, unaffected } = await world()
  const used = await memory()
  const socket = await serving(port, await someone(), answers)
  await whileHealthy(port, gone(socket))
  await used.stayed()
  await unaffected()
})

test('endless reports are taken at a pace: memory stays, and others are answered', async () => {
  const { port, memory, unaffected } = await world()
  const used = await memory()
  const known = await someone()
  const line = Buffer.from(
    `${JSON.stringify({ seq: 1, at: 1, kind: 'log', source: 's', level: 'info', text: 'x'.repeat(4000) })}\n`.repeat(50),
  )
  let written = 0
  await serving(port, known, {
    [SERVICES.hello]: helloed,
    [SERVICES.events]: (stream) => {
      stream.respond({ ':status': 200 })
      const more = () => {
        do written += line.length
        while (!stream.destroyed && stream.write(line))
        if (!stream.destroyed) stream.once('drain', more)
      }
      more()
    },
  })
  // Its burst, and what may lie in the window of the stream.
  await until('its share to be used up', () => written > 4.5 * 1024 * 1024, { limitMs: 90_000 })
  for (let i = 0; i < 20; i += 1) await unaffected()
  await used.stayed()
})

test('an agent that resets every stream is no more than one that does not answer', async () => {
  const { port, said, unaffected } = await world()
  const known = await someone()
  const socket = await serving(port, known, { [SERVICES.hello]: (stream) => stream.close(7) })
  await gone(socket)
  await until('it to be logged', () => said().includes(known.id))
  await unaffected()
})

test('ten thousand dials with wrong tokens keep no agent out', async () => {
  const { port, memory, unaffected } = await world()
  const used = await memory()
  const refusals = new Map<string, number>()
  const dialWrongly = (n: number) =>
    new Promise<void>((resolve) => {
      const socket = connectTcp(port, '127.0.0.1')
      socket.on('error', () => {})
      const headers = `${HEADER_AGENT_ID}: bad-${n}\r\n${HEADER_TOKEN}: ${n}\r\n${HEADER_PROTOCOL}: ${PROTOCOL}\r\n`
      socket.write(`GET ${CONNECT_PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: bothy-h2\r\n${headers}\r\n`)
      socket.once('data', (data) => {
        const status = data.toString('latin1').split(' ')[1] ?? ''
        refusals.set(status, (refusals.get(status) ?? 0) + 1)
      })
      socket.on('close', () => resolve())
    })
  const flood = async () => {
    for (let round = 0; round < 20; round += 1) await Promise.all(Array.from({ length: 500 }, (_, i) => dialWrongly(round * 500 + i)))
  }
  const late = startFleet(() => `http://127.0.0.1:${port}`, await knownAgents(db, 1))
  onTestFinished(() => late.end())
  await whileHealthy(port, flood())
  await until('one that comes in the middle of it to be linked', () => late.linked === 1)
  expect([...refusals.keys()]).toEqual(['403'])
  expect(refusals.get('403')).toBe(10_000)
  await used.stayed()
  await unaffected()
})

test('upgrades that come byte by byte hold nobody up', async () => {
  const { port, unaffected } = await world()
  const slow = Array.from({ length: 200 }, () => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`GET ${CONNECT_PATH} HTTP/1.1\r\nhost: local`)
    onTestFinished(() => void socket.destroy())
    return socket.resume()
  })
  await unaffected()
  // The server gives a request five seconds for its headers.
  await until('all of them to be sent away', () => slow.every((socket) => socket.destroyed))
  await unaffected()
})
