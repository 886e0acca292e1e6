import { problem } from '../../provider/schema/rules.ts'
import { Wrong } from '../../provider/session.ts'
import type { Clock } from '../kernel/clock.ts'
import { LABEL, labelsOf, networkName, volumeName, type Naming } from './container-spec.ts'
import { isRefusedWith, type Docker } from './docker.ts'
import { containerNamed, ofWorkspace, removed } from './engine-objects.ts'

/** What a workspace has in Docker beside its containers, and how all of it ends. */

const STOP_MS = 10_000
const TERM_AGAIN_MS = 1000
const LOOK_MS = 50

/**
 * TERM, ten seconds, KILL; then it is removed, with what it kept under no name. TERM again and again: the first process of a container
 * that has just begun does not hear it before it says that it wants to.
 */
export async function end(docker: Docker, clock: Clock, id: string): Promise<void> {
  const since = clock.elapsedMs()
  for (let termAtMs = 0; ;) {
    const afterMs = clock.elapsedMs() - since
    if (afterMs > STOP_MS || !(await isRunning(docker, id))) break
    if (afterMs >= termAtMs) {
      termAtMs = afterMs + TERM_AGAIN_MS
      await told(docker, id)
    }
    await clock.sleep(LOOK_MS)
  }
  await removed(docker, `/containers/${id}`, { force: 'true', v: 'true' })
}

/** One that has ended meanwhile need not be told. */
const told = (docker: Docker, id: string): Promise<unknown> =>
  docker
    .call('POST', `/containers/${id}/kill`, { query: { signal: 'SIGTERM' } })
    .catch((error: unknown) => (isRefusedWith(error, 404, 409) ? undefined : Promise.reject(error)))

const isRunning = async (docker: Docker, id: string): Promise<boolean> => (await containerNamed(docker, id))?.running === true

export async function makeVolume(docker: Docker, naming: Naming, name: string, machine: string | null): Promise<void> {
  const Name = volumeName(naming.workspace.uid, name)
  const Labels = { ...labelsOf(naming), ...(machine === null ? {} : { [LABEL.machine]: machine }) }
  // One that is there is answered as it is.
  const { json } = await docker.call('POST', '/volumes/create', { body: { Name, Labels } })
  const labels = (json as { Labels?: Record<string, string> | null }).Labels ?? {}
  if (labels[LABEL.workspace] !== naming.workspace.uid)
    throw new Wrong(problem(['volume'], 'Volume name in use', `There is a volume "${Name}" that is not this workspace's: remove it.`))
}

export async function makeNetwork(docker: Docker, naming: Naming): Promise<void> {
  const { uid } = naming.workspace
  if ((await ofWorkspace(docker, 'networks', uid)).length > 0) return
  const body = { Name: networkName(uid), Driver: 'bridge', CheckDuplicate: true, Labels: labelsOf(naming) }
  await docker
    .call('POST', '/networks/create', { body })
    .catch((error: unknown) => (isRefusedWith(error, 409) ? undefined : Promise.reject(error)))
}

export async function removeEphemeral(docker: Docker, uid: string, machine: string): Promise<void> {
  for (const name of await ofWorkspace(docker, 'volumes', uid)) {
    const { json } = await docker.call('GET', `/volumes/${name}`)
    const labels = (json as { Labels?: Record<string, string> | null }).Labels ?? {}
    if (labels[LABEL.machine] === machine) await removed(docker, `/volumes/${name}`)
  }
}

/** While another machine of the workspace is in it, it stays. */
export async function removeNetworkIfEmpty(docker: Docker, uid: string): Promise<void> {
  for (const id of await ofWorkspace(docker, 'networks', uid))
    await removed(docker, `/networks/${id}`).catch((error: unknown) => (isRefusedWith(error, 403, 409) ? undefined : Promise.reject(error)))
}

export async function removeAll(docker: Docker, clock: Clock, uid: string): Promise<void> {
  for (const id of await ofWorkspace(docker, 'containers', uid)) await end(docker, clock, id)
  for (const name of await ofWorkspace(docker, 'volumes', uid)) await removed(docker, `/volumes/${name}`)
  for (const id of await ofWorkspace(docker, 'networks', uid)) await removed(docker, `/networks/${id}`)
}
