import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parse } from 'yaml'
import { silentLog } from '../controller/kernel/log.ts'
import { migrate } from '../controller/store/migrate.ts'
import { atRate, createLoad, type Load, type Target } from '../test/api/watch-load.ts'
import { until } from '../test/support/until.ts'
import { timed, type Asked, type Bench } from './harness/bench.ts'
import { startApiServer } from './harness/cluster.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { openDatabase } from './harness/postgres.ts'
import { root } from './harness/programs.ts'

/** What many watchers see of many writes, and how late: our API on Postgres beside a real API server on etcd, one after the other. */
export const watches: Bench = {
  name: 'watches',
  about: '5000 objects, 50 watchers, 100 writes a second: creates and the lag of watches, beside a real API server',
  measure: (asked) => inPlace((place) => measured(place, asked)),
}

const LAG_MS_MAX = 100
const CREATING = 16

async function measured(place: Place, { quick, say }: Asked): Promise<readonly Line[]> {
  const size = quick ? { objects: 200, watchers: 5, forMs: 2_000 } : { objects: 5_000, watchers: 50, forMs: 20_000 }
  say('our API')
  const ours = await under(await ourApi(place), size)
  say('a real API server')
  const theirs = await under(await realApi(place), size)
  const beside = 'kube-apiserver and etcd'
  return [
    {
      what: `objects created, ${CREATING} at a time`,
      unit: '/s',
      values: [ours.perSecond],
      beside: { what: beside, values: [theirs.perSecond] },
    },
    {
      what: `lag of ${size.watchers} watches at 100 writes a second`,
      unit: 'ms',
      values: ours.lagsMs,
      beside: { what: beside, values: theirs.lagsMs },
      reach: [{ of: 'p99', most: LAG_MS_MAX }],
    },
  ]
}

interface Size {
  readonly objects: number
  readonly watchers: number
  readonly forMs: number
}

async function under(target: Target, { objects, watchers: count, forMs }: Size) {
  const load = createLoad(target)
  const createMs = await timed(() => created(load, objects))
  const from = await load.newest()
  const watchers = Array.from({ length: count }, () => load.watch(from))
  await until('everybody to watch', () => watchers.every(({ resumed }) => resumed() === 0), { limitMs: 30_000 })
  let newest = from
  await atRate(100, forMs, async (i) => {
    const version = await load.touch(`w${(i * 37) % objects}`)
    if (Number(version) > Number(newest)) newest = version
  })
  await until('everybody to have seen all', () => watchers.every(({ versions }) => Number(versions.at(-1)) >= Number(newest)))
  for (const watcher of watchers) watcher.end()
  load.close()
  return { perSecond: (objects * 1000) / createMs, lagsMs: watchers.flatMap(({ lagsMs }) => lagsMs) }
}

async function created(load: Load, objects: number): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < objects) {
      const i = next
      next += 1
      await load.create(`w${i}`)
    }
  }
  await Promise.all(Array.from({ length: CREATING }, one))
}

/** Over TLS, as the other one. */
async function ourApi(place: Place): Promise<Target> {
  const { db, url } = await openDatabase(place)
  await migrate(db, silentLog)
  const program = join(root, 'test', 'api', 'hostile-plane.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, url], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  place.onLeave(() => {
    child.stdin.end()
    return ended
  })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const port = await until('our API', () => lines.shift(), { limitMs: 30_000 })
  return { url: `https://127.0.0.1:${port}`, token: 'secret', tls: { rejectUnauthorized: false } }
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[]
  readonly users: readonly { readonly user: Readonly<Record<string, string>> }[]
}

const text = (base64 = ''): string => Buffer.from(base64, 'base64').toString()

async function realApi(place: Place): Promise<Target> {
  const { kubeconfig } = await startApiServer(place)
  const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
  const [cluster, user] = [clusters[0]?.cluster ?? {}, users[0]?.user ?? {}]
  const tls = {
    ca: text(cluster['certificate-authority-data']),
    cert: text(user['client-certificate-data']),
    key: text(user['client-key-data']),
  }
  return { url: cluster['server'] ?? '', token: null, tls }
}
