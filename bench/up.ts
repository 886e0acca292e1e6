import { spawn } from 'node:child_process'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../controller/kernel/clock.ts'
import { paired, type Asked, type Bench } from './harness/bench.ts'
import { declaredTemplate, startUp } from './harness/control-plane.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { barePostgres } from './harness/postgres.ts'
import { bareNodeMs, BOTHY, collected, environment, exitOf, type Variables } from './harness/programs.ts'
import { isTrue, watch } from './harness/watch.ts'

export const up: Bench = {
  name: 'up',
  about: 'a warm `bothy up`, embedded Postgres included, from its start to /readyz',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 15
const ROUNDS_QUICK = 2
const LOOK_MS = 2
const LIMIT_MS = 60_000

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const env = environment(place.folder)
  const folder = declaredTemplate(place)
  const first = await startUp(place, folder, env)
  await watch(place, first.client, 'templates').when('hello', 'imported', isTrue('Ready'))
  await first.end()

  const floor = async () => {
    const { startMs } = await barePostgres(join(place.folder, 'state'))
    return startMs + (await bareNodeMs(env))
  }
  const found = await paired(asked, asked.quick ? ROUNDS_QUICK : ROUNDS, () => upAndDown(folder, env), floor)
  return [
    {
      what: 'warm up → /readyz',
      unit: 'ms',
      values: found.ours.map(({ readyMs }) => readyMs),
      beside: { what: 'bare Postgres + node', values: found.theirs },
      reach: [{ of: 'p50', most: 1500 }],
    },
    { what: '  → listening', unit: 'ms', values: found.ours.map(({ listeningMs }) => listeningMs) },
    { what: '  → everything open', unit: 'ms', values: found.ours.map(({ saidMs }) => saidMs) },
  ]
}

async function upAndDown(folder: string, env: Variables) {
  const port = await freePort()
  const startedAt = systemClock.elapsedMs()
  const child = spawn(process.execPath, [...BOTHY, 'up', folder, '--port', String(port)], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = collected(child)
  const exited = exitOf(child)
  let saidMs = Number.NaN
  child.stdout.on('data', () => {
    if (Number.isNaN(saidMs) && said.stdout().includes('bothy is up')) saidMs = systemClock.elapsedMs() - startedAt
  })
  const takes = async (holds: () => boolean | Promise<boolean>): Promise<number> => {
    while (!(await holds())) {
      if (child.exitCode !== null || systemClock.elapsedMs() - startedAt > LIMIT_MS)
        throw new Error(`bothy up does not come up: ${said.stderr()}${said.stdout()}`)
      await systemClock.sleep(LOOK_MS)
    }
    return systemClock.elapsedMs() - startedAt
  }
  try {
    const listeningMs = await takes(() => accepts(port))
    const readyMs = await takes(() => isReady(port))
    await takes(() => !Number.isNaN(saidMs))
    return { listeningMs, readyMs, saidMs }
  } finally {
    child.kill('SIGINT')
    await exited
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0))
    })
  })
}

/** A plain connection: to ask for a page every other millisecond would take from what is measured. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}

async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' } }).catch(() => null)
  await answer?.arrayBuffer()
  return answer?.status === 200
}
