import { join } from 'node:path'
import { clusterPrograms } from '../../test/cluster/programs.ts'
import { installCrds, kubectlOk, startServer } from '../../test/cluster/server.ts'
import type { Place } from './place.ts'
import { startStaying, type Variables } from './programs.ts'

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
  end(): Promise<number>
}

/** `program`: what Node is given to run `bothy`. */
export async function startController(
  place: Place,
  { kubeconfig, token }: ApiServer,
  env: Variables,
  program: readonly string[],
): Promise<Controller> {
  const { pid, url, end } = await startStaying(place, [...program, 'controller', '--kubeconfig', kubeconfig, '--port', '0'], {
    env,
    name: 'bothy controller',
    tells: /"the control plane is up".*?"url":"([^"]+)"/,
    signal: 'SIGTERM',
  })
  return {
    pid,
    async counted(name, labels = /(?:)/) {
      const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}`, connection: 'close' } })
      if (!answer.ok) throw new Error(`/metrics answered ${answer.status}: ${await answer.text()}`)
      const series = [...(await answer.text()).matchAll(new RegExp(`^${name}(\\{.*\\})? (\\S+)$`, 'gm'))]
      return series.filter(([, given = '']) => labels.test(given)).reduce((sum, [, , value]) => sum + Number(value), 0)
    },
    end,
  }
}
