import { problem } from '../../provider/schema/rules.ts'
import { Wrong } from '../../provider/session.ts'
import { LABEL, labelsOf, networkName, volumeName, type Naming } from './container-spec.ts'
import { isRefusedWith, type Docker } from './docker.ts'
import { ofWorkspace, removed } from './engine-objects.ts'

/** What a workspace has in Docker beside its containers, and how all of it ends. */

const STOP_S = 10
const STOP_LIMIT_MS = 60_000

/** TERM, ten seconds, KILL; then it is removed, with what it kept under no name. */
export async function end(docker: Docker, id: string): Promise<void> {
  await docker
    .call('POST', `/containers/${id}/stop`, { query: { t: String(STOP_S) }, limitMs: STOP_LIMIT_MS })
    .catch((error: unknown) => (isRefusedWith(error, 404, 304) ? undefined : Promise.reject(error)))
  await removed(docker, `/containers/${id}`, { force: 'true', v: 'true' })
}

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

export async function removeAll(docker: Docker, uid: string): Promise<void> {
  for (const id of await ofWorkspace(docker, 'containers', uid)) await end(docker, id)
  for (const name of await ofWorkspace(docker, 'volumes', uid)) await removed(docker, `/volumes/${name}`)
  for (const id of await ofWorkspace(docker, 'networks', uid)) await removed(docker, `/networks/${id}`)
}
