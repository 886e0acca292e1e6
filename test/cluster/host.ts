import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, createConnection, type Server as Listener } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installCrds, startServer, type Server } from './server.ts'
import type { ClusterPrograms } from './programs.ts'

/**
 * The one cluster of a test run. The process that runs the tests' files listens on a socket and starts it for the first file
 * that asks; it dies with that process, which holds its standard input.
 */
export interface Host {
  /** Where the files of the run ask. */
  readonly socket: string
  close(): Promise<void>
}

export type Hosted = { readonly kubeconfig: string; readonly url: string; readonly home: string }
type Answer = Hosted | { readonly failed: string }

export async function offerCluster(): Promise<Host> {
  const folder = await mkdtemp(join(tmpdir(), 'bothy-run-'))
  const socket = join(folder, 'ask')
  let server: Promise<Server> | null = null
  const begin = async (programs: ClusterPrograms): Promise<Server> => {
    const started = await startServer({ programs, folder: join(folder, 'cluster') })
    await installCrds({ kubeconfig: started.kubeconfig, home: folder })
    return started
  }
  const answer = async (asked: string): Promise<Answer> => {
    try {
      server ??= begin(JSON.parse(asked) as ClusterPrograms)
      const { kubeconfig, url } = await server
      return { kubeconfig, url, home: folder }
    } catch (error) {
      return { failed: error instanceof Error ? error.message : String(error) }
    }
  }
  const listener = await listening(socket, answer)
  return {
    socket,
    async close() {
      listener.close()
      const running = await server?.catch(() => null)
      running?.child.kill('SIGTERM')
      await running?.ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function listening(socket: string, answer: (asked: string) => Promise<Answer>): Promise<Listener> {
  const listener = createServer({ allowHalfOpen: true }, (connection) => {
    let asked = ''
    connection.on('data', (data: Buffer) => (asked += data.toString()))
    connection.on('error', () => {})
    connection.on('end', () => void answer(asked).then((said) => connection.end(JSON.stringify(said))))
  })
  // It waits for nobody: the run ends when its tests have.
  listener.unref()
  return new Promise((settle, fail) => listener.once('error', fail).listen(socket, () => settle(listener)))
}

export function askForCluster(socket: string, programs: ClusterPrograms): Promise<Hosted> {
  return new Promise((settle, fail) => {
    let said = ''
    const connection = createConnection(socket, () => connection.end(JSON.stringify(programs)))
    connection.on('data', (data: Buffer) => (said += data.toString()))
    connection.on('error', fail)
    connection.on('end', () => {
      const answer = JSON.parse(said || '{"failed":"the run is over"}') as Answer
      return 'failed' in answer ? fail(new Error(answer.failed)) : settle(answer)
    })
  })
}
