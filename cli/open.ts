import { EXIT, Failure, usage } from './failure.ts'
import { field, textOf } from './json.ts'
import { inNamespace, kindNamed, pathOf } from './objects.ts'
import { openInBrowser } from './opener.ts'
import type { Options } from './options.ts'
import type { Session } from './session.ts'

/** Opens the page, or an app of a workspace, in a browser that is let in by a ticket: no token is ever in an address. */
export async function run(session: Session, [name = '', what = '']: readonly string[], options: Options): Promise<number> {
  const { namespace, terminal, environment } = session
  const [workspace = '', agent = null] = name.split('.')
  const port = options.text('port')
  if (what !== '' && port !== null) throw usage('an app and --port are two things to open', 'name one of them')
  if (what === '' && port !== null && name === '') throw usage('--port says nothing of which workspace', 'name it: open dev --port 8080')
  if (!options.flag('print') && (await session.client().endpoint()).through !== null) throw outOfReach(session, workspace)
  const url =
    what === '' && port === null ? await pageUrl(session, workspace) : await appUrl(session, { workspace, agent, app: what, port })
  if (options.flag('print') || !(await openInBrowser(environment, url))) {
    terminal.out(url)
    return 0
  }
  terminal.err(
    `opened ${what || (port === null ? name || 'the page' : `port ${port}`)} in the browser${namespace === 'default' ? '' : ` (${namespace})`}`,
  )
  return 0
}

/** A browser has no kubeconfig: what this program is led through leads no browser. */
const outOfReach = ({ environment, namespace }: Session, workspace: string): Failure =>
  new Failure(EXIT.unreachable, {
    what: 'a browser here does not reach this control plane: only the API server leads to it',
    fix: `lead a port here: ${environment.program} port-forward ${workspace || 'WORKSPACE'} 8080${inNamespace(namespace)}; or see its log and state with logs, why and get`,
  })

async function pageUrl(session: Session, workspace: string): Promise<string> {
  const client = session.client()
  // One that does not exist is said here, and not on a page without it.
  if (workspace !== '') await client.request('GET', pathOf(kindNamed('Workspace'), session.namespace, workspace))
  const made = await client.request('POST', '/bothy/v1/tickets', { body: { for: 'page' } })
  const entry = textOf(field(made, 'url')) ?? ''
  // In a cluster people have rights in namespaces: the page shows this one.
  const url = client.cluster === null ? entry : `${entry}&namespace=${encodeURIComponent(session.namespace)}`
  return workspace === '' ? url : `${url}&workspace=${encodeURIComponent(`${session.namespace}/${workspace}`)}`
}

interface Wish {
  readonly workspace: string
  readonly agent: string | null
  readonly app: string
  readonly port: string | null
}

async function appUrl(session: Session, { workspace, agent, app, port }: Wish): Promise<string> {
  const path = pathOf(kindNamed('Workspace'), session.namespace, workspace, 'open')
  const body = { ...(port === null ? { app } : { port }), ...(agent === null ? {} : { agent }) }
  const { program } = session.environment
  const opened = await session
    .client()
    .request('POST', path, { body })
    .catch((error: unknown) => {
      const start = `start it: ${program} start ${workspace}${inNamespace(session.namespace)}`
      throw error instanceof Failure && error.reason === 'Conflict' ? error.with({ fix: start }) : error
    })
  const url = textOf(field(opened, 'url'))
  if (url) return url
  const command = textOf(field(opened, 'command')) ?? ''
  throw usage(
    `${app} is a command and has no page`,
    `run it: ${program} exec -t ${workspace}${agent === null ? '' : `.${agent}`} -- sh -c '${command.replaceAll("'", "'\\''")}'`,
  )
}
