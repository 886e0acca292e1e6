import { readdirSync, readFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { FRAME, frame, frameReader, jsonFrame, SERVICES } from '../../agent/protocol.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { CLEARS_AT_USR2, growthFromNow, heldBy, heldHere } from '../support/memory.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { person, type PersonOptions } from './person.ts'
import { AGENT, makeAgent, reached, startAgent, type AgentProcess, type Made } from './world.ts'

const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

async function workspace(
  env: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
): Promise<{ made: Made; agent: AgentProcess }> {
  const made = await makeAgent(db, { env: { FROM_TEMPLATE: 'yes' } })
  const agent = startAgent(made, plane.url, { env, command: [process.execPath, ...flags, AGENT] })
  await reached(db, made, 'Ready')
  return { made, agent }
}

async function ran(made: Made, argv: readonly string[], options: PersonOptions = {}) {
  const someone = person(plane.url, made, argv, { input: '', ...options })
  const code = await someone.code
  return { code, stdout: someone.stdout(), stderr: someone.stderr() }
}

async function audited({ workspace: name }: Made): Promise<number> {
  const rows = await db.query(`select 1 from audit where action = 'exec' and subject = $1`, [`Workspace/default/${name}`])
  return rows.length
}

test('a command gives its exit code, and its output and errors apart', async () => {
  const { made } = await workspace()
  expect(await ran(made, ['sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' })
  expect(await ran(made, ['sh', '-c', 'kill -9 $$'])).toEqual({ code: 137, stdout: '', stderr: '' })
  expect(await ran(made, ['cat'], { input: 'from here\n' })).toEqual({ code: 0, stdout: 'from here\n', stderr: '' })
})

test('a command has the environment and folder it should have, and no token', async () => {
  const { made, agent } = await workspace()
  const show = 'echo $FROM_TEMPLATE $MINE; pwd; env | grep -c "^BOTHY_AGENT_TOKEN\\|^BOTHY_URL\\|^NODE_" || true'
  expect(await ran(made, ['sh', '-c', show], { env: { MINE: 'mine' } })).toEqual({
    code: 0,
    stdout: `yes mine\n${agent.home}\n0\n`,
    stderr: '',
  })
  expect(await ran(made, ['pwd'], { cwd: '/usr' })).toEqual({ code: 0, stdout: '/usr\n', stderr: '' })
})

test('a command that cannot be run is refused in a sentence, as a shell would count it', async () => {
  const { made } = await workspace()
  const missing = await ran(made, ['no-such-program'])
  expect(missing).toEqual({
    code: 127,
    stdout: '',
    stderr: expect.stringContaining('There is no program no-such-program in the workspace'),
  })
  const nowhere = await ran(made, ['pwd'], { cwd: 'no/such' })
  expect(nowhere).toEqual({
    code: 126,
    stdout: '',
    stderr: expect.stringMatching(/^bothy: There is no folder .*\/no\/such in the workspace\.\n$/),
  })
})

test('a terminal has the size of the window, and follows it', async () => {
  const { made } = await workspace()
  const stdout = Object.assign(new PassThrough(), { columns: 91, rows: 17 })
  let seen = ''
  stdout.on('data', (data: Buffer) => (seen += data.toString()))
  const someone = person(plane.url, made, ['sh', '-c', 'test -t 0 && stty size; read x; stty size; echo got $x'], { tty: true, stdout })
  await until('the first size', () => seen.includes('17 91'))
  Object.assign(stdout, { columns: 132, rows: 50 }).emit('resize')
  someone.stdin.write('typed\r')
  expect(await someone.code).toBe(0)
  expect(seen).toBe('17 91\r\ntyped\r\n50 132\r\ngot typed\r\n')
})

test('the last words of a terminal arrive though its reader was slow', async () => {
  const { made } = await workspace()
  const stdout = new PassThrough({ highWaterMark: 1024 })
  const someone = person(plane.url, made, ['sh', '-c', 'seq 1 400000; echo THE-END'], { tty: true, stdout })
  await until('the reader to be full', () => stdout.writableNeedDrain)
  let bytes = 0
  let end = ''
  stdout.on('data', (data: Buffer) => {
    bytes += data.length
    end = (end + data.toString()).slice(-20)
  })
  expect(await someone.code).toBe(0)
  expect({ bytes, end }).toEqual({ bytes: 2_688_895 + 400_000 + 'THE-END\r\n'.length, end: '399999\r\n400000\r\nTHE-END\r\n'.slice(-20) })
})

test('two hundred commands leave nothing behind', async () => {
  const { made, agent } = await workspace()
  const descriptors = () => readdirSync(`/proc/${agent.pid}/fd`).length
  await ran(made, ['true'])
  const before = descriptors()
  for (let round = 0; round < 20; round += 1) {
    const codes = await Promise.all(Array.from({ length: 10 }, (_, i) => ran(made, ['sh', '-c', `exit ${i}`]).then(({ code }) => code)))
    expect(codes).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  }
  await until('descriptors to be given back', () => descriptors() <= before)
  await until('every one of them in the audit', async () => (await audited(made)) === 201)
})

test('who leaves an agent that is then lost is let go of', async () => {
  const { made, agent } = await workspace()
  agent.signal('SIGSTOP')
  const ws = new WebSocket(
    `${plane.url.replace('http', 'ws')}/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/${made.workspace}/exec`,
  )
  await new Promise((opened) => ws.on('open', opened))
  ws.close(1000)
  await new Promise((closed) => ws.on('close', closed))
  agent.signal('SIGKILL')
  await until('it in the audit', async () => (await audited(made)) === 1)
})

test('a reader that does not read holds the command back, and nobody fills their memory', async () => {
  const { made, agent } = await workspace({}, CLEARS_AT_USR2)
  await ran(made, ['true'])
  const growths = { agent: await growthFromNow(heldBy(agent.pid)), here: await growthFromNow(heldHere()) }
  const stdout = new PassThrough()
  const someone = person(plane.url, made, ['sh', '-c', 'head -c 200000000 /dev/zero'], { stdout })
  await until('the reader to be full', () => stdout.writableNeedDrain)
  await until('the command to be held back', () => heldBack(agent.pid))
  await growths.agent.isLessThan(60)
  await growths.here.isLessThan(80)
  expect(await ran(made, ['echo', 'others', 'go', 'on'])).toEqual({ code: 0, stdout: 'others go on\n', stderr: '' })
  let bytes = 0
  stdout.on('data', (data: Buffer) => (bytes += data.length))
  expect(await someone.code).toBe(0)
  expect(bytes).toBe(200_000_000)
})

/** Below the agent runs a command that has written something, and writes no more. */
async function heldBack(agentPid: number): Promise<boolean> {
  const heads = readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && readQuietly(`/proc/${pid}/cmdline`).startsWith('head\0-c\x00200000000'),
  )
  const head = heads.find((pid) => ancestors(pid).includes(String(agentPid)))
  if (!head) return false
  const written = () => Number(/wchar: (\d+)/.exec(readQuietly(`/proc/${head}/io`))?.[1])
  const before = written()
  await systemClock.sleep(300)
  return before > 0 && before < 200_000_000 && written() === before
}

function ancestors(pid: string): string[] {
  const parent = /PPid:\s+(\d+)/.exec(readQuietly(`/proc/${pid}/status`))?.[1]
  return parent && parent !== '0' ? [parent, ...ancestors(parent)] : []
}

function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

test('many bytes go in and out unchanged', async () => {
  const { made } = await workspace()
  const input = Array.from({ length: 300_000 }, (_, i) => `line ${i}\n`).join('')
  const { code, stdout } = await ran(made, ['cat'], { input })
  expect({ code, same: stdout === input, length: stdout.length }).toEqual({ code: 0, same: true, length: input.length })
})

test('a workspace without an agent, and an agent that is not there, are refused with what is the matter', async () => {
  const { made } = await workspace()
  await expect(ran({ ...made, workspace: 'none' }, ['true'])).rejects.toMatchObject({
    code: 4,
    text: { what: 'The workspace has no agent now: it is not running.' },
  })
  await expect(ran(made, ['true'], { agent: 'other' })).rejects.toMatchObject({
    code: 3,
    text: { what: 'The workspace has no agent other; it has main.' },
  })
})

/** What the control plane itself can ask an agent, below what people use. */
async function asked(agentId: string, path: string, body: unknown = {}): Promise<{ status: number; value: unknown }> {
  const stream = await plane.connections.openStream(agentId, path)
  let status = 0
  let text = ''
  stream.on('response', (headers) => (status = Number(headers[':status'])))
  stream.setEncoding('utf8').on('data', (part: string) => (text += part))
  stream.end(JSON.stringify(body))
  await new Promise((resolve) => stream.on('close', resolve))
  return { status, value: JSON.parse(text || 'null') }
}

test('a background command goes on without a reader; it is listed, signalled, and its exit can be fetched later', async () => {
  const { made } = await workspace()
  const start = {
    id: 'background-1',
    argv: ['sh', '-c', 'i=0; while [ $i -lt 100000 ]; do echo $i; i=$((i+1)); done; echo end; sleep 1000'],
    tty: null,
    stdin: false,
    cwd: null,
    env: {},
    background: true,
    whenFull: 'drop',
    resume: false,
    offset: 0,
  }
  const first = await plane.connections.openStream(made.id, SERVICES.exec)
  first.write(jsonFrame(FRAME.start, start))
  await new Promise((resolve) => first.once('data', resolve))
  first.close()
  const listed = { id: start.id, argv: start.argv, pid: expect.any(Number), startedAt: expect.any(Number), exit: null, attached: false }
  await until('it to have no reader', async () =>
    JSON.stringify((await asked(made.id, SERVICES.commands)).value).includes('"attached":false'),
  )
  expect((await asked(made.id, SERVICES.commands)).value).toEqual([listed])
  expect(await asked(made.id, SERVICES.signal, { id: start.id, signal: 'SIGKILL' })).toEqual({ status: 200, value: {} })
  expect((await asked(made.id, SERVICES.signal, { id: 'other', signal: 'SIGKILL' })).status).toBe(404)

  const later = await plane.connections.openStream(made.id, SERVICES.exec)
  let exit: unknown = null
  const read = frameReader((type, payload) => {
    if (type === FRAME.exit) exit = JSON.parse(payload.toString())
  })
  later.on('data', read)
  later.write(jsonFrame(FRAME.start, { ...start, resume: true, offset: 0 }))
  await until('its exit', () => exit)
  expect(exit).toEqual({ code: 137, signal: 'SIGKILL' })
  later.write(frame(FRAME.done))
  await until('it to be forgotten', async () => JSON.stringify((await asked(made.id, SERVICES.commands)).value) === '[]')
})

test('a call that makes no sense is refused, and the agent lives', async () => {
  const { made } = await workspace()
  const stream = await plane.connections.openStream(made.id, SERVICES.exec)
  let said = ''
  stream.on('data', (data: Buffer) => (said += data.toString()))
  stream.write(jsonFrame(FRAME.start, { id: '', argv: 'sh' }))
  await until('the refusal', () => said.includes('not one that this agent understands'))
  const long = await plane.connections.openStream(made.id, SERVICES.exec)
  long.write(Buffer.from([FRAME.start, 255, 255, 255, 255]))
  await new Promise((resolve) => long.on('close', resolve))
  expect(await asked(made.id, '/no/such')).toEqual({ status: 404, value: null })
  expect((await ran(made, ['true'])).code).toBe(0)
})
