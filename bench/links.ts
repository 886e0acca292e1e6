import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setMaxListeners } from 'node:events'
import { Worker } from 'node:worker_threads'
import { systemClock } from '../controller/kernel/clock.ts'
import { silentLog } from '../controller/kernel/log.ts'
import { migrate } from '../controller/store/migrate.ts'
import { knownAgents, startFleet } from '../test/hostile-agents/fleet.ts'
import { until } from '../test/support/until.ts'
import { timed, type Asked, type Bench } from './harness/bench.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { openDatabase } from './harness/postgres.ts'
import { environment, root } from './harness/programs.ts'

/** What many agents cost the control plane that holds their links, and how soon they are back after it was killed. */
export const links: Bench = {
  name: 'links',
  about: '1000 agents on one control plane: memory, idle processor time, and all back after kill -9',
  measure: (asked) => inPlace((place) => measured(place, asked)),
}

const PLANE = join(root, 'test', 'hostile-agents', 'plane.ts')
/** The young part of the heap stays small: how far it grows is a matter of load, and tells nothing of what a link holds. */
const FLAGS = ['--disable-warning=ExperimentalWarning', '--expose-gc', '--max-semi-space-size=2']
const MANY = 1000
const FEW = 50
/** Linked before the rest: what grows once for all, as the heap and what is compiled, is no cost of a link. */
const WARM = 200
const IDLE_MS = 30_000
const KIB_PER_LINK_MAX = 80
const IDLE_SHARE_MAX = 5
const BACK_MS_MAX = 10_000
const HEALTH_EVERY_MS = 20

async function measured(place: Place, { quick, say }: Asked): Promise<readonly Line[]> {
  setMaxListeners(0)
  const { db, url: databaseUrl } = await openDatabase(place)
  await migrate(db, silentLog)
  const count = quick ? FEW : MANY
  const agents = await knownAgents(db, count)
  const first = await startPlane(place, databaseUrl)
  // Whatever is loaded with the first link is no cost of a link.
  const warm = startFleet(() => first.url, await knownAgents(db, WARM))
  place.onLeave(() => warm.end())
  await until('a few to be linked', () => warm.linked === WARM)
  await until('a few to have said hello', async () => (await connectedOf(db)) >= WARM)
  const before = await memoryKib(first.child)
  const idleFor = quick ? 2000 : IDLE_MS
  const fleet = startFleet(() => first.url, agents)
  place.onLeave(() => fleet.end())
  const linkedMs = await timed(() => until('all to be linked', () => fleet.linked === count, { limitMs: 60_000 }))
  say(`${count} linked after ${Math.round(linkedMs)} ms`)
  await until('all to have said hello', async () => (await connectedOf(db)) >= count + WARM, { limitMs: 30_000 })
  await systemClock.sleep(idleFor / 3)
  const kibPerLink = ((await memoryKib(first.child)) - before) / count
  const usedBefore = processorMs(first.pid)
  await systemClock.sleep(idleFor)
  const idleShare = ((processorMs(first.pid) - usedBefore) / idleFor) * 100
  say('killing the control plane')
  const linksBefore = fleet.links
  first.child.kill('SIGKILL')
  await until('everybody to notice', () => fleet.linked < count)
  const startedAt = systemClock.elapsedMs()
  const second = await startPlane(place, databaseUrl, first.port)
  const listeningMs = systemClock.elapsedMs() - startedAt
  const asking = await askHealth(second.url)
  const backMs = await timed(() =>
    until('all to be back', () => fleet.linked === count && fleet.links - linksBefore >= count, { limitMs: 60_000, everyMs: 5 }),
  )
  const health = await asking.end()
  say(`listening again after ${Math.round(listeningMs)} ms; ${health.length} health checks while they came back; ${fleet.refused} refused`)
  return [
    { what: 'linked, all, at the first start', unit: 'ms', values: [linkedMs] },
    { what: 'memory of the control plane for a link, KiB', unit: '', values: [kibPerLink], reach: [{ of: 'p50', most: KIB_PER_LINK_MAX }] },
    { what: 'processor time when idle, % of a core', unit: '', values: [idleShare], reach: [{ of: 'p50', most: IDLE_SHARE_MAX }] },
    { what: 'all back, from when it listens again', unit: 'ms', values: [backMs], reach: [{ of: 'p50', most: BACK_MS_MAX }] },
    { what: 'health, while they come back', unit: 'ms', values: health, reach: [{ of: 'max', most: 1000 }] },
  ]
}

const connectedOf = async (db: Awaited<ReturnType<typeof openDatabase>>['db']): Promise<number> =>
  Number((await db.query<{ n: string }>(`select count(*) as n from agents where lifecycle = 'Ready'`))[0]?.n)

interface Plane {
  readonly child: ChildProcess
  readonly pid: number
  readonly port: number
  readonly url: string
}

async function startPlane(place: Place, databaseUrl: string, port = 0): Promise<Plane> {
  const child = spawn(process.execPath, [...FLAGS, PLANE, databaseUrl, String(port)], {
    env: environment(place.folder),
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  place.onLeave(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (data: Buffer) => (said += data.toString()))
  await until('the control plane to listen', () => said.includes('\n') || child.exitCode !== null, { limitMs: 30_000, everyMs: 2 })
  if (child.exitCode !== null) throw new Error(`the control plane ended with ${child.exitCode}`)
  return { child, pid: child.pid ?? 0, port: Number(said), url: `http://127.0.0.1:${Number(said)}` }
}

interface Asking {
  /** How long each answer took. */
  end(): Promise<readonly number[]>
}

/** In a thread of its own: this one is busy being a thousand agents. */
async function askHealth(url: string): Promise<Asking> {
  const over = new Int32Array(new SharedArrayBuffer(4))
  const thread = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const ask = async () => {
     const times = []
     parentPort.postMessage('asking')
     while (workerData.over[0] === 0) {
       const startedAt = performance.now()
       const answer = await fetch(workerData.url + '/healthz')
       if (!answer.ok) throw new Error('health answered ' + answer.status)
       await answer.arrayBuffer()
       times.push(performance.now() - startedAt)
       await new Promise((next) => setTimeout(next, ${HEALTH_EVERY_MS}))
     }
     parentPort.postMessage(times)
     parentPort.close()
     }
     void ask()`,
    { eval: true, workerData: { url, over } },
  )
  const told = () => new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject))
  await told()
  return {
    async end() {
      const times = told()
      over[0] = 1
      return (await times) as readonly number[]
    },
  }
}

const CLEARED_MS = 1000

/** What it holds: what it has yet to clear away is cleared first. */
async function memoryKib(child: ChildProcess): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    child.kill('SIGUSR2')
    await systemClock.sleep(CLEARED_MS)
  }
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1])
}

/** In user and in system mode; the kernel counts in hundredths of a second. */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
