import { createServer, request as httpRequest } from 'node:http'
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net'
import { readFileSync } from 'node:fs'
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  CONNECT_PATH,
  HEADER_AGENT_ID,
  HEADER_PROTOCOL,
  HEADER_TOKEN,
  PROTOCOL,
  protocolMismatch,
  RAW_UPGRADE,
} from '../../agent/protocol.ts'
import { answerPlainly } from '../../controller/connect/http-answer.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { jsonLog } from '../../controller/kernel/log.ts'
import { confirmAgents } from '../../controller/store/agents-of-outcome.ts'
import { freePort } from '../support/ports.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane, type ControlPlane } from './control-plane.ts'
import { person } from './person.ts'
import { AGENT, makeAgent, reached, rowOf, script, startAgent } from './world.ts'

const { db, url: databaseUrl } = await withDatabase()

async function controlPlane(): Promise<ControlPlane> {
  const plane = await startControlPlane(db)
  onTestFinished(() => plane.close())
  return plane
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

test('an agent dials in, says hello and becomes ready', async () => {
  const plane = await controlPlane()
  const made = await makeAgent(db)
  const agent = startAgent(made, plane.url)
  const row = await reached(db, made, 'Ready')
  expect({ version: row.version, disconnectedAt: row.disconnectedAt, message: row.message, output: agent.output() }).toEqual({
    version: '0.1.0',
    disconnectedAt: null,
    message: '',
    output: '',
  })
})

test('a wrong token is refused for good: the agent says so and exits 77', async () => {
  const plane = await controlPlane()
  const made = await makeAgent(db)
  const agent = startAgent({ id: made.id, token: 'wrong' }, plane.url)
  expect(await agent.exited).toBe(77)
  expect(agent.output()).toBe(
    `bothy agent: the control plane at ${plane.url} refused this agent: Agent ${made.id} belongs to no workspace any more, or its token is another's.\n`,
  )
})

test('an agent that no build has any more is cut at once, and exits', async () => {
  const plane = await controlPlane()
  const made = await makeAgent(db)
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  await db.query('delete from agents where id = $1', [made.id])
  plane.connections.cut(made.id)
  expect(await agent.exited).toBe(77)
})

test('an agent without its environment says which variable is missing', async () => {
  const agent = startAgent({ id: '', token: 'x' }, 'http://127.0.0.1:1')
  expect(await agent.exited).toBe(1)
  expect(agent.output()).toBe('bothy agent: BOTHY_AGENT_ID is not set: it names the agent of the template that this program is\n')
})

test('a control plane of another protocol: the agent says which side to upgrade, and goes on trying', async () => {
  const made = await makeAgent(db)
  let dials = 0
  const other = createServer()
  other.on('upgrade', (request, socket: Socket) => {
    dials += 1
    answerPlainly(socket, 426, protocolMismatch(String(request.headers[HEADER_PROTOCOL]), '2.0') ?? '')
  })
  const url = `http://127.0.0.1:${await listening(other)}`
  const agent = startAgent(made, url)
  await until('a third dial', () => dials >= 3)
  expect(agent.output()).toBe(
    `bothy agent: cannot reach the control plane at ${url}: The agent speaks protocol ${PROTOCOL} and the control plane 2.0: upgrade the agent: rebuild the workspace.\n`,
  )
})

test('a build that changes what an agent is told reaches the agent that runs', async () => {
  const plane = await controlPlane()
  const made = await makeAgent(db)
  startAgent(made, plane.url)
  const { manifest } = await reached(db, made, 'Ready')
  const changed = { ...manifest, env: { COLOUR: 'green' } }
  await db.transaction((tx) => confirmAgents(tx, made.workspace, [{ id: made.id, name: 'main', manifest: changed }]))
  await until('the new value inside', async () => {
    const someone = person(plane.url, made, ['sh', '-c', 'echo $COLOUR'], { input: '' })
    await someone.code
    return someone.stdout() === 'green\n'
  })
})

test('behind a proxy that passes only WebSockets on, it connects through one', async () => {
  const plane = await controlPlane()
  const seen: string[] = []
  const proxy = createServer()
  proxy.on('upgrade', (request, socket: Socket) => {
    seen.push(String(request.headers.upgrade))
    if (request.headers.upgrade !== 'websocket')
      return void socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    const onward = connectTcp(plane.port, '127.0.0.1')
    const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${String(value)}`)
    onward.write(`GET ${request.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
    onward.pipe(socket).pipe(onward)
  })
  const made = await makeAgent(db)
  startAgent(made, `http://127.0.0.1:${await listening(proxy)}`)
  await reached(db, made, 'Ready')
  const someone = person(plane.url, made, ['echo', 'through'], { input: '' })
  expect(await someone.code).toBe(0)
  expect({ seen, stdout: someone.stdout() }).toEqual({ seen: [RAW_UPGRADE, 'websocket'], stdout: 'through\n' })
})

test('handshakes that are never completed keep no other agent out', async () => {
  const plane = await controlPlane()
  const made = await makeAgent(db)
  const headers = `${HEADER_AGENT_ID}: ${made.id}\r\n${HEADER_TOKEN}: ${made.token}\r\n${HEADER_PROTOCOL}: ${PROTOCOL}\r\n`
  const wrong = () =>
    new Promise<void>((resolve) => {
      const socket = connectTcp({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true })
      socket.write(`GET ${CONNECT_PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n${headers}\r\n`)
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      socket.resume().on('end', () => socket.destroy())
    })
  for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 30 }, wrong))
  startAgent(made, plane.url)
  await reached(db, made, 'Ready')
})

test('a control plane that ends says so to nobody for long, and agents come back to the next one', async () => {
  const waits: number[] = []
  const sleep: typeof systemClock.sleep = (ms, signal) => {
    waits.push(ms)
    return systemClock.sleep(ms, signal)
  }
  const first = await startControlPlane(db, await freePort(), () => null, { clock: { ...systemClock, sleep } })
  const made = await makeAgent(db, { scripts: [script('once', 'echo ran >> "$HOME/ran"')] })
  const agent = startAgent(made, first.url)
  const { runId } = await reached(db, made, 'Ready')
  const someone = person(first.url, made, ['sh', '-c', 'echo in; read line; exit 3'])
  await until('somebody to be in', () => someone.stdout() === 'in\n')
  const [closingAt, before] = [systemClock.elapsedMs(), waits.length]
  await first.close()
  expect(waits.slice(before)).toEqual([300])
  // An answer of the agent would have been awaited for five seconds.
  expect(systemClock.elapsedMs() - closingAt).toBeLessThan(5000)
  expect((await rowOf(db, made)).disconnectedAt).not.toBeNull()
  const second = await startControlPlane(db, first.port)
  onTestFinished(() => second.close())
  const row = await until('the agent to be back', async () => {
    const row = await rowOf(db, made)
    return row.disconnectedAt === null ? row : null
  })
  expect({ runId: row.runId, lifecycle: row.lifecycle, ran: readFileSync(join(agent.home, 'ran'), 'utf8') }).toEqual({
    runId,
    lifecycle: 'Ready',
    ran: 'ran\n',
  })
  someone.stdin.end('\n')
  expect(await someone.code).toBe(3)
})

async function killable(port: number): Promise<{ process: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'control-plane.ts'), databaseUrl, String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const bound = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (data: Buffer) => resolve(Number(data.toString())))
    child.once('exit', () => reject(new Error('the control plane did not start')))
  })
  return { process: child, port: bound }
}

test('a control plane killed three times loses and doubles no byte of running commands, in or out', async () => {
  let plane = await killable(await freePort())
  const url = `http://127.0.0.1:${plane.port}`
  const made = await makeAgent(db)
  startAgent(made, url)
  await reached(db, made, 'Ready')
  const count =
    'import sys, time\nfor i in range(4000):\n  (sys.stdout if i % 3 else sys.stderr).write(f"{i}\\n")\n  sys.stdout.flush(); time.sleep(0.0005)\nsys.exit(5)'
  const counter = person(url, made, ['python3', '-c', count])
  const echo = person(url, made, ['cat'])
  let fed = 0
  const feed = setInterval(() => echo.stdin.write(`${(fed += 1)}\n`), 1)
  for (let kill = 1; kill <= 3; kill += 1) {
    const lines = counter.stdout().length
    // Its last line is one of the other stream's.
    const more = () => counter.stdout().length > lines + 500 || counter.stdout().includes('3998')
    await until('some more output', more)
    plane.process.kill('SIGKILL')
    plane = await killable(plane.port)
  }
  expect(await counter.code).toBe(5)
  clearInterval(feed)
  echo.stdin.end()
  expect(await echo.code).toBe(0)
  const numbers = Array.from({ length: 4000 }, (_, i) => i)
  const lost = 'bothy: the connection was lost; this goes on when the control plane is back\n'
  expect(counter.stdout()).toBe(
    numbers
      .filter((i) => i % 3)
      .map((i) => `${i}\n`)
      .join(''),
  )
  expect(counter.stderr().replace(lost, '')).toBe(
    numbers
      .filter((i) => i % 3 === 0)
      .map((i) => `${i}\n`)
      .join(''),
  )
  expect(echo.stdout()).toBe(Array.from({ length: fed }, (_, i) => `${i + 1}\n`).join(''))
  plane.process.kill('SIGKILL')
}, 240_000)

/** Somebody with an agent's own token who does not behave as an agent. */
async function hostile(plane: ControlPlane, made: { id: string; token: string }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(`${plane.url}${CONNECT_PATH}`, {
      headers: {
        [HEADER_AGENT_ID]: made.id,
        [HEADER_TOKEN]: made.token,
        [HEADER_PROTOCOL]: PROTOCOL,
        connection: 'Upgrade',
        upgrade: RAW_UPGRADE,
      },
      agent: false,
    })
    asked.on('upgrade', (_answer, socket: Socket) => {
      socket.on('error', () => {})
      onTestFinished(() => void socket.destroy())
      resolve(socket)
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** Waits ten times as long. */
const patientClock: typeof systemClock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms * 10, signal) }

const H2_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
/** HEADERS of stream 1 that is not the end of them, and CONTINUATION for ever after. */
const headersBegin = Buffer.concat([Buffer.from([0, 0, 1, 1, 0, 0, 0, 0, 1]), Buffer.from([0x88])])
const continuation = Buffer.concat([Buffer.from([0, 64, 0, 9, 0, 0, 0, 0, 1]), Buffer.alloc(16384, 0x40)])

test('an agent that sends garbage, or headers without end, is dropped, and the others do not notice', async () => {
  // Whoever is dropped in time was not dropped for its late hello.
  const plane = await startControlPlane(db, 0, () => null, { clock: patientClock })
  onTestFinished(() => plane.close())
  const [good, garbage, endless] = [await makeAgent(db), await makeAgent(db), await makeAgent(db)]
  startAgent(good, plane.url)
  await reached(db, good, 'Ready')

  const first = await hostile(plane, garbage)
  first.write(Buffer.alloc(100_000, 'x'))
  const second = await hostile(plane, endless)
  second.write(Buffer.concat([H2_SETTINGS, headersBegin]))
  const more = setInterval(() => void second.write(continuation), 1)
  onTestFinished(() => clearInterval(more))
  first.resume()
  second.resume()
  await until('both to be dropped', () => first.destroyed && second.destroyed)

  const someone = person(plane.url, good, ['echo', 'fine'], { input: '' })
  expect(await someone.code).toBe(0)
  expect({ stdout: someone.stdout(), connected: plane.connections.connected }).toEqual({ stdout: 'fine\n', connected: 1 })
})

test('an agent that never reads and never answers is dropped when its hello is late, and was never connected', async () => {
  const told: string[] = []
  const plane = await startControlPlane(db, 0, () => null, { log: jsonLog(systemClock, 'info', (line) => told.push(line)) })
  onTestFinished(() => plane.close())
  const made = await makeAgent(db)
  const socket = await hostile(plane, made)
  socket.pause()
  const closed = new Promise((resolve) => socket.on('close', resolve))
  await until('it to be dropped', () => plane.connections.connected === 0)
  socket.resume()
  await closed
  // A ping that is not answered would have ended it as well, later.
  expect(told.join('')).toContain('the agent did not answer /hello within 5 s')
  expect((await rowOf(db, made)).firstConnectedAt).toBeNull()
})

test('the agent ends when its supervisor is gone, and takes what it runs along', async () => {
  const plane = await controlPlane()
  const made = await makeAgent(db)
  const supervisor = startAgent(made, plane.url, {
    env: { BOTHY_MACHINE: 'bothy-test' },
    command: ['/bin/sh', '-c', `"${process.execPath}" "${AGENT}"; true`],
  })
  await reached(db, made, 'Ready')
  const someone = person(plane.url, made, ['sh', '-c', 'echo $$; exec sleep 1000'])
  someone.code.catch(() => {})
  const pid = await until('the pid of the command', () => Number(someone.stdout()) || null)
  supervisor.signal('SIGKILL')
  await until('the command to be gone', () => !exists(pid))
  await until('the agent to be gone', async () => (await rowOf(db, made)).lifecycle === 'Off')
})

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
