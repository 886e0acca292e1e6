import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { startControlPlane } from '../agent/control-plane.ts'
import { makeAgent, reached, startAgent, type AgentProcess, type Made } from '../agent/world.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { enter, opened, said, sshClient } from './person.ts'

/** Clients that do not want to work: what they cost is bounded, and nobody else notices. */

const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

async function workspace(): Promise<{ made: Made; agent: AgentProcess }> {
  const made = await makeAgent(db)
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  return { made, agent }
}

const rssOf = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** The same agent, not one that was started anew, serves somebody who behaves. */
async function othersGoOn(made: Made, agent: AgentProcess): Promise<void> {
  const client = await sshClient(await enter(plane.url, made, 'ssh'))
  expect(await said(client, 'echo fine; echo $PPID')).toBe(`fine\n${agent.pid}\n`)
  client.end()
}

test('what is no SSH is hung up on, and so is who sends a packet larger than any', async () => {
  const { made, agent } = await workspace()
  const huge = Buffer.alloc(64 * 1024)
  huge.writeUInt32BE(0xffffffff)
  for (const bytes of [
    [Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2000))],
    [Buffer.alloc(1_000_000, 'x')],
    [Buffer.from('SSH-2.0-hostile\r\n'), huge],
    [Buffer.from('SSH-2.0-hostile\r\n'), Buffer.alloc(200_000, 0)],
    [Buffer.from('SSH-1.0-old\r\n'), Buffer.alloc(10_000, 7)],
  ]) {
    const connection = await enter(plane.url, made, 'ssh')
    connection.on('error', () => {})
    connection.resume()
    for (const part of bytes) connection.write(part)
    await until('it to be hung up on', () => connection.destroyed || connection.readableEnded)
    connection.destroy()
  }
  await othersGoOn(made, agent)
})

test('thousands of channels at once: the first are served, the others are told that there are too many', async () => {
  const { made, agent } = await workspace()
  await othersGoOn(made, agent)
  const before = rssOf(agent.pid)
  const client = await sshClient(await enter(plane.url, made, 'ssh'))
  const answers = await Promise.all(
    Array.from({ length: 3000 }, () =>
      opened(client, 'sleep 1000').then(
        () => 'opened',
        (error: Error) => error.message,
      ),
    ),
  )
  expect(answers.filter((answer) => answer === 'opened')).toHaveLength(128)
  expect(answers.filter((answer) => /open failure/i.test(answer))).toHaveLength(2872)
  expect(rssOf(agent.pid) - before).toBeLessThan(120)
  await othersGoOn(made, agent)
  client.destroy()
  await othersGoOn(made, agent)
})

test('a client that never reads holds its commands back, and nothing piles up', async () => {
  const { made, agent } = await workspace()
  await othersGoOn(made, agent)
  const before = rssOf(agent.pid)
  const connection = await enter(plane.url, made, 'ssh')
  const client = await sshClient(connection)
  const channels = await Promise.all(Array.from({ length: 20 }, () => opened(client, 'cat /dev/zero')))
  // The windows are as large as a client likes; then it stops reading the connection itself.
  for (const channel of channels) channel.on('data', () => {})
  connection.removeAllListeners('data')
  connection.pause()
  let last = -1
  await until(
    'the agent to stand still',
    () => {
      const written = writtenBy(agent.pid)
      const stands = written === last
      last = written
      return stands
    },
    { everyMs: 400 },
  )
  expect(rssOf(agent.pid) - before).toBeLessThan(120)
  await othersGoOn(made, agent)
  connection.destroy()
  await othersGoOn(made, agent)
})

/** What the agent took of its children's output, and passed on. */
const writtenBy = (pid: number): number => Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]) >> 16

test('a hundred connections that say nothing, or go while a command speaks, leave nothing behind', async () => {
  const { made, agent } = await workspace()
  await othersGoOn(made, agent)
  const silent = await Promise.all(Array.from({ length: 60 }, () => enter(plane.url, made, 'ssh')))
  for (const connection of silent) {
    connection.on('error', () => {})
    connection.destroy()
  }
  for (let i = 0; i < 20; i += 1) {
    const connection = await enter(plane.url, made, 'ssh')
    const client = await sshClient(connection)
    const channel = await opened(client, 'echo $$; exec cat /dev/zero')
    await new Promise((resolve) => channel.once('data', resolve))
    connection.destroy()
  }
  await othersGoOn(made, agent)
  await until('no command to be left', () => !childrenOf(agent.pid).some((name) => name === 'cat'))
  expect(agent.output()).not.toMatch(/Error|at .*\.ts/)
})

function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map((child) => {
      try {
        return readFileSync(`/proc/${child}/comm`, 'utf8').trim()
      } catch {
        return ''
      }
    })
}

test('places to listen or to lead to that no system has are refused, and end nobody else', async () => {
  const { made, agent } = await workspace()
  const forwards: ((client: Awaited<ReturnType<typeof sshClient>>, done: (error?: Error | null) => void) => unknown)[] = [
    (client, done) => client.openssh_forwardInStreamLocal('\0hidden', done),
    (client, done) => client.openssh_forwardInStreamLocal('/tmp/a\0b', done),
    (client, done) => client.openssh_forwardInStreamLocal('', done),
    (client, done) => client.openssh_forwardInStreamLocal(`/${'long'.repeat(100)}`, done),
    (client, done) => client.openssh_forwardInStreamLocal('/proc/nowhere/x', done),
    (client, done) => client.openssh_unforwardInStreamLocal('/tmp/a\0b', done),
    (client, done) => client.forwardIn('127.0.0.1', 70_000, done),
    (client, done) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', 70_000, done),
    (client, done) => client.openssh_forwardOutStreamLocal('/tmp/a\0b', done),
    (client, done) => client.openssh_forwardOutStreamLocal('', done),
  ]
  for (const [i, forward] of forwards.entries()) {
    const client = await sshClient(await enter(plane.url, made, 'ssh'))
    const refused = await new Promise<boolean>((resolve) => {
      client.on('close', () => resolve(true))
      forward(client, (error) => resolve(error instanceof Error))
    })
    expect({ i, refused }).toEqual({ i, refused: true })
    client.destroy()
    await othersGoOn(made, agent)
  }
})
