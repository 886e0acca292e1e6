import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { clusterPrograms } from '../../test/cluster/programs.ts'
import { installCrds, kubectlOk, startServer } from '../../test/cluster/server.ts'
import { until } from '../../test/support/until.ts'
import { killQuietly, type Place } from './place.ts'
import { BOTHY, collected, exitOf, type Variables } from './programs.ts'

/** A real API server, and `bothy controller` on it as a process. */

export interface ApiServer {
  readonly kubeconfig: string
  /** Of somebody who may read what a control plane says of itself. */
  readonly token: string
}

export async function startApiServer(place: Place): Promise<ApiServer> {
  const programs = await clusterPrograms()
  if ('missing' in programs) throw new Error(programs.missing)
  const server = await startServer({ programs, folder: join(place.folder, 'cluster') })
  place.onLeave(() => {
    server.child.kill('SIGTERM')
    return server.ended
  })
  const options = { kubeconfig: server.kubeconfig, home: place.folder }
  await installCrds(options)
  await kubectlOk(['wait', '--for=create', 'serviceaccount/default', '--timeout=20s'], options)
  await kubectlOk(['create', 'clusterrolebinding', 'bench', '--clusterrole=cluster-admin', '--serviceaccount=default:default'], options)
  const token = await kubectlOk(['create', 'token', 'default', '--audience=bothy', '--duration=4h'], options)
  return { kubeconfig: server.kubeconfig, token: token.trim() }
}

export interface Controller {
  readonly pid: number
  /** The sum of a counter of its own, of those series whose labels are so. */
  counted(name: string, labels?: RegExp): Promise<number>
  end(): Promise<void>
}

const UP_LIMIT_MS = 60_000

export async function startController(place: Place, { kubeconfig, token }: ApiServer, env: Variables): Promise<Controller> {
  const child = spawn(process.execPath, [...BOTHY, 'controller', '--kubeconfig', kubeconfig, '--port', '0'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = collected(child)
  const exited = exitOf(child)
  let over = false
  void exited.finally(() => (over = true))
  place.onLeave(async () => {
    if (!over) child.kill('SIGTERM')
    const giveUp = systemClock.after(UP_LIMIT_MS, () => killQuietly(child.pid ?? 0, 'SIGKILL'))
    await exited
    giveUp()
  })
  const told = () => /"the control plane is up".*?"url":"([^"]+)"/.exec(said.stderr())?.[1]
  await until('bothy controller to be up', () => over || told() !== undefined, { limitMs: UP_LIMIT_MS, everyMs: 2 })
  // What it says later pushes out what it said first.
  const url = told()
  if (over) throw new Error(`bothy controller ended: ${said.stderr()}`)
  return {
    pid: child.pid ?? 0,
    async counted(name, labels = /(?:)/) {
      const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}`, connection: 'close' } })
      if (!answer.ok) throw new Error(`/metrics answered ${answer.status}: ${await answer.text()}`)
      const series = [...(await answer.text()).matchAll(new RegExp(`^${name}(\\{.*\\})? (\\S+)$`, 'gm'))]
      return series.filter(([, given = '']) => labels.test(given)).reduce((sum, [, , value]) => sum + Number(value), 0)
    },
    async end() {
      child.kill('SIGTERM')
      const code = await exited
      if (code !== 0) throw new Error(`bothy controller exited with ${code}: ${said.stderr()}`)
    },
  }
}
