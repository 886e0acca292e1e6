import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { makeFolder } from '../../controller/kernel/folders.ts'
import { sha256 } from '../../controller/kernel/names.ts'
import { isSame, startOf } from '../../controller/kernel/pids.ts'
import { locked } from '../../controller/machines/lock.ts'
import { fromProc } from '../../controller/machines/processes.ts'
import { until } from '../support/until.ts'
import { clusterPrograms } from './programs.ts'
import { installCrds, startServer } from './server.ts'

/** `npm run cluster start | status | stop`: one for this checkout, to try things on by hand. `build`: only its programs. */

interface Running {
  readonly url: string
  readonly kubeconfig: string
  readonly pid: number
  readonly start: string
}

const root = join(import.meta.dirname, '../..')
const folder = join(tmpdir(), `bothy-cluster-${userInfo().uid}-${sha256(root).slice(0, 8)}`)
const record = join(folder, 'running.json')

/** Somebody else could have made a folder of that name for us to trust. */
function makeOwn(): void {
  makeFolder(folder)
  const { uid, mode } = statSync(folder)
  if (uid !== userInfo().uid || (mode & 0o077) !== 0) throw new Error(`${folder} is not only yours`)
}

function running(): Running | null {
  if (!existsSync(record)) return null
  const known = JSON.parse(readFileSync(record, 'utf8')) as Running
  return isSame(known.pid, known.start) ? known : null
}

/** Answers what it has printed as its last line. */
async function start(): Promise<void> {
  makeOwn()
  const kubeconfig = await locked(join(folder, 'lock'), systemClock, async () => {
    const before = running()
    if (before) return before.kubeconfig
    const programs = await clusterPrograms()
    if ('missing' in programs) throw new Error(programs.missing)
    const server = await startServer({ programs, folder: join(folder, 'state'), detached: true })
    const known: Running = { url: server.url, kubeconfig: server.kubeconfig, pid: server.pid, start: startOf(server.pid) ?? '' }
    writeFileSync(record, JSON.stringify(known))
    server.child.stdout?.destroy()
    server.child.unref()
    await installCrds({ kubeconfig: server.kubeconfig, home: folder })
    return server.kubeconfig
  })
  process.stderr.write('Bothy’s kinds are installed. Try:  kubectl --kubeconfig THIS-FILE get workspaces --all-namespaces\n')
  process.stdout.write(`${kubeconfig}\n`)
}

async function stop(): Promise<void> {
  if (!existsSync(folder)) return
  makeOwn()
  const known = running()
  if (known) {
    // With those it is tied to, which end after it: they write to the folder as long as they live.
    const ended = () => !fromProc().some(({ group }) => group === known.pid)
    process.kill(known.pid, 'SIGTERM')
    // It waits a minute for whoever still watches. What it holds is thrown away, so nothing is lost by not waiting.
    await until('the cluster to end by itself', ended, { limitMs: 5_000 }).catch(() => killGroup(known.pid))
    await until('the cluster to end', ended, { limitMs: 30_000 })
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // The last of them ended meanwhile.
  }
}

function status(): void {
  const known = running()
  process.stdout.write(known ? `running as ${known.pid} at ${known.url}\n${known.kubeconfig}\n` : 'not running\n')
  process.exitCode = known ? 0 : 1
}

async function build(): Promise<void> {
  const programs = await clusterPrograms()
  if ('missing' in programs) throw new Error(programs.missing)
}

const COMMANDS: Readonly<Record<string, () => void | Promise<void>>> = { start, stop, status, build }

const command = COMMANDS[process.argv[2] ?? '']
if (!command || process.argv.length > 3) {
  process.stderr.write('usage: npm run cluster start | status | stop | build\n')
  process.exitCode = 2
} else {
  try {
    await command()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
