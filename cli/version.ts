import { EXIT, Failure } from './failure.ts'
import { field, textOf } from './json.ts'
import { programVersion } from './package.ts'
import type { Run, Session } from './session.ts'

export const run: Run = async (session) => {
  const version = programVersion()
  const server = await serverOf(session)
  if (session.output === 'json') session.terminal.out(JSON.stringify({ version, node: process.version, controlPlane: server }))
  else {
    session.terminal.out(`bothy ${version} (Node ${process.version.slice(1)})`)
    session.terminal.out(
      server.url === null
        ? `control plane: ${server.problem}`
        : `control plane: ${server.url}, ${server.from}: ${server.version ?? server.problem}`,
    )
  }
  return EXIT.done
}

interface Server {
  readonly url: string | null
  readonly from: string | null
  readonly version: string | null
  readonly problem: string | null
}

/** No control plane is nothing wrong: this command only says where the others would talk to. */
async function serverOf(session: Session): Promise<Server> {
  let known: Pick<Server, 'url' | 'from'> = { url: null, from: null }
  try {
    const client = session.client()
    known = { url: client.url, from: client.from }
    return { ...known, version: textOf(field(await client.request('GET', '/version'), 'gitVersion')) ?? 'unknown', problem: null }
  } catch (error) {
    if (!(error instanceof Failure) || error.code === EXIT.usage) throw error
    return { ...known, version: null, problem: known.url === null ? 'none is running here' : error.text.what }
  }
}
