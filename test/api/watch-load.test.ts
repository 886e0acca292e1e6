import { spawn, type ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../support/ports.ts'
import { withDatabase } from '../support/postgres.ts'
import { isSoak } from '../support/soak.ts'
import { until } from '../support/until.ts'
import { atRate, createLoad, quantile } from './watch-load.ts'

/** Many watchers, many writes, and a kill -9 in the middle: nobody misses a change, or sees two in the wrong order. */

const OBJECTS = isSoak ? 5_000 : 300
const WATCHERS = isSoak ? 50 : 20
const WRITES_PER_SECOND = isSoak ? 100 : 50
const WRITES_MS = isSoak ? 20_000 : 3_000
const HEAP_MB_MAX = 256

const database = await withDatabase()

async function plane(port: number): Promise<{ readonly child: ChildProcess; readonly port: number; heapMB(): Promise<number> }> {
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    join(import.meta.dirname, 'hostile-plane.ts'),
    database.url,
    String(port),
  ]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const taken = Number(await until('the control plane', () => lines.shift(), { limitMs: 60_000 }))
  return {
    child,
    port: taken,
    async heapMB() {
      child.stdin.write('\n')
      const { heapMB } = JSON.parse(await until('what it holds', () => lines.shift())) as { heapMB: number }
      return heapMB
    },
  }
}

test('nothing is lost or reordered, also when the control plane is killed in the middle', { timeout: 300_000 }, async () => {
  const first = await plane(await freePort())
  const load = createLoad({ url: `http://127.0.0.1:${first.port}`, token: 'secret' })
  onTestFinished(() => load.close())
  await atRate(2_000, (OBJECTS * 1000) / 2_000, (i) => load.create(`w${i}`))
  const from = await load.newest()
  const watchers = Array.from({ length: WATCHERS }, () => load.watch(from))
  onTestFinished(() => {
    for (const watcher of watchers) watcher.end()
  })
  // Never reads, and costs what is in its way for a while, and nobody else anything.
  const stuck = connect(first.port, '127.0.0.1')
  stuck.on('error', () => {})
  stuck.write('GET /apis/bothy.dev/v1alpha1/workspaces?watch=true HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\n\r\n')
  stuck.pause()
  onTestFinished(() => void stuck.destroy())
  await until('everybody to watch', () => watchers.every(({ resumed }) => resumed() === 0))

  const written = new Set<string>()
  const write = async (i: number) => {
    // One that was cut off may have been written all the same; who watches is asked about it below.
    const version = await load.touch(`w${(i * 37) % OBJECTS}`).catch(() => null)
    if (version !== null) written.add(version)
  }
  await atRate(WRITES_PER_SECOND, WRITES_MS, write)
  const lag = quantile(
    watchers.flatMap(({ lagsMs }) => lagsMs),
    0.99,
  )
  expect(await first.heapMB()).toBeLessThan(HEAP_MB_MAX)

  const going = atRate(WRITES_PER_SECOND, WRITES_MS, write)
  await until('some of the second half', () => written.size > WRITES_PER_SECOND)
  first.child.kill('SIGKILL')
  await going
  const before = written.size
  const second = await plane(first.port)
  await atRate(WRITES_PER_SECOND, WRITES_MS, write)
  expect(written.size).toBeGreaterThan(before)
  const newest = await load.newest()

  // The truth is in the database: every change, in the order of their versions.
  const rows = await database.db.query<{ version: string }>(
    "select version from object_changes where kind = 'Workspace' and version > $1 order by version",
    [from],
  )
  const truth = rows.map(({ version }) => String(version))
  expect(truth.length).toBeGreaterThanOrEqual(written.size)
  for (const version of written) expect(truth).toContain(version)
  await until(
    'everybody to have seen the last change',
    () => watchers.every(({ versions }) => Number(versions.at(-1)) >= Number(truth.at(-1))),
    { limitMs: 60_000 },
  )
  for (const { versions, resumed } of watchers) {
    expect(versions).toEqual(truth)
    expect(resumed()).toBeGreaterThan(0)
  }
  expect(Number(newest)).toBeGreaterThanOrEqual(Number(truth.at(-1)))
  expect(await second.heapMB()).toBeLessThan(HEAP_MB_MAX)
  process.stdout.write(`${truth.length} changes to ${WATCHERS} watchers, p99 of the lag before the kill: ${lag.toFixed(1)} ms\n`)
})
