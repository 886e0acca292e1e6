import type { Client } from './client.ts'
import { EXIT, Failure } from './failure.ts'
import { field, textOf } from './json.ts'
import { programVersion } from './package.ts'
import type { Run, Session } from './session.ts'

export const run: Run = async (session) => {
  const version = programVersion()
  const [cluster, server] = [await clusterOf(session), await serverOf(session)]
  const { terminal } = session
  if (session.output === 'json') terminal.out(JSON.stringify({ version, node: process.version, cluster, controlPlane: server }))
  else {
    terminal.out(`bothy ${version} (Node ${process.version.slice(1)})`)
    if (cluster) terminal.out(`cluster: ${cluster.url}, context ${cluster.context}: ${cluster.version ?? cluster.problem}`)
    terminal.out(
      server.url === null
        ? `control plane: ${server.problem}`
        : `control plane: ${server.url}, ${server.from}: ${server.version ?? server.problem}`,
    )
  }
  return EXIT.done
}

interface Answers {
  readonly version: string | null
  readonly problem: string | null
}

interface Server extends Answers {
  readonly url: string | null
  readonly from: string | null
}

/** No control plane is nothing wrong: this command only says where the others would talk to. */
async function told(ask: () => Promise<unknown>, isCluster: boolean): Promise<Answers> {
  try {
    const version = textOf(field(await ask(), 'gitVersion')) ?? 'unknown'
    // A control plane says first which API server's words it speaks.
    return { version: version.replace(/^v.*\+bothy-/, ''), problem: null }
  } catch (error) {
    // Of a cluster, who asks may lack what stands for them there; elsewhere what was typed is wrong.
    if (!(error instanceof Failure) || (error.code === EXIT.usage && !isCluster)) throw error
    return { version: null, problem: error.text.what }
  }
}

async function clusterOf(session: Session) {
  const cluster = clientOf(session)?.cluster
  return cluster ? { ...cluster, ...(await told(cluster.version, true)) } : null
}

async function serverOf(session: Session): Promise<Server> {
  const client = clientOf(session)
  let known: Pick<Server, 'url' | 'from'> = { url: null, from: null }
  const answers = await told(async () => {
    if (!client) return null
    const { url, from } = await client.endpoint()
    known = { url, from }
    return client.request('GET', '/version')
  }, Boolean(client?.cluster))
  const nothing = client === null || (known.url === null && client.cluster === null)
  return { ...known, ...(nothing ? { version: null, problem: 'none is running here' } : answers) }
}

/** null: there is none to talk to. */
function clientOf(session: Session): Client | null {
  try {
    return session.client()
  } catch (error) {
    if (!(error instanceof Failure) || error.code === EXIT.usage) throw error
    return null
  }
}
