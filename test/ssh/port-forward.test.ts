import { spawn } from 'node:child_process'
import { connect, createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { root, temporaryHome } from '../support/bothy.ts'
import { until } from '../support/until.ts'
import { becomesRunning, environmentOf, PATIENCE_MS } from './entered.ts'

/** `bothy port-forward`, as a program, to things that listen where the workspace is. */

async function echoing(path: string | null = null): Promise<string> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => (path === null ? server.listen(0, '127.0.0.1', resolve) : server.listen(path, resolve)))
  onTestFinished(() => void server.close())
  const address = server.address()
  return typeof address === 'object' && address ? String(address.port) : String(address)
}

function asked(to: { port: number } | { path: string }, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = ''
    const socket: Socket = connect({ ...to, ...('port' in to ? { host: '127.0.0.1' } : {}) } as never, () => socket.end(text))
    socket.on('data', (data: Buffer) => (heard += data.toString()))
    socket.on('end', () => resolve(heard))
    socket.on('error', reject)
  })
}

test('several ports and sockets, through a restart of the control plane, with what is refused said once', async () => {
  const home = temporaryHome()
  const up = await home.up()
  await becomesRunning(home)
  const base = dirname(home.state)
  const [first, second] = [await echoing(), await echoing(join(base, 'there.sock'))]
  const here = join(base, 'here.sock')
  const args = ['port-forward', 'dev', `:${first}`, `:${second}`, `${here}:${first}`, ':1']
  const child = spawn(process.execPath, [join(root, 'cli', 'main.ts'), ...args], { env: environmentOf(home) })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [output, errors] = ['', '']
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  await until('all four', () => output.trim().split('\n').length === 4)
  const ports = [...output.matchAll(/^127\.0\.0\.1:(\d+) leads to (\S+) in dev$/gm)].map((match) => Number(match[1]))
  expect(output).toContain(`${here} leads to ${first} in dev`)
  expect(ports).toHaveLength(3)
  const [tcp = 0, unix = 0, refused = 0] = ports
  for (const to of [{ port: tcp }, { port: unix }, { path: here }]) expect(await asked(to, 'said')).toBe('said')
  expect(await asked({ port: tcp }, 'x'.repeat(2_000_000))).toHaveLength(2_000_000)
  for (let i = 0; i < 3; i += 1) await expect(asked({ port: refused }, '')).rejects.toThrow()
  expect(errors.match(/Nothing answers at 127\.0\.0\.1:1 in the workspace/g)).toHaveLength(1)

  // What is open ends, as a reset; what comes next goes through the new control plane.
  const open = connect(tcp, '127.0.0.1')
  open.write('open')
  await new Promise((resolve) => open.once('data', resolve))
  const broken = new Promise((resolve) => open.on('error', resolve))
  await up.end('SIGKILL')
  await broken
  const next = home.up()
  const askedAt = systemClock.elapsedMs()
  const again = asked({ port: tcp }, 'after').catch(() => systemClock.elapsedMs() - askedAt)
  await next
  // It waits for the next one, though maybe not as long as a machine that does much else takes to start it.
  expect(await again).toSatisfy((answer: string | number) => answer === 'after' || Number(answer) >= PATIENCE_MS)
  expect(await asked({ port: tcp }, 'after')).toBe('after')
  expect(await asked({ port: unix }, 'after too')).toBe('after too')

  child.kill('SIGINT')
  expect(await new Promise((resolve) => child.on('exit', (code) => resolve(code)))).toBe(0)
  await expect(asked({ port: tcp }, '')).rejects.toThrow('ECONNREFUSED')
})
