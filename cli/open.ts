import { EXIT, Failure, usage } from './failure.ts'
import { field, listOf, textOf } from './json.ts'
import { inNamespace, kindNamed, pathOf } from './objects.ts'
import { openInBrowser } from './opener.ts'
import type { Options } from './options.ts'
import { openPageHere } from './page-here.ts'
import type { Session } from './session.ts'

/** In a browser, or printed where there is none or none is wanted; answers whether it is in a browser. */
type Show = (url: string) => Promise<boolean>

/** Opens the page, or an app of a workspace, in a browser that is let in by a ticket: no token is ever in an address. */
export async function run(session: Session, [name = '', what = '']: readonly string[], options: Options): Promise<number> {
  const { namespace, terminal, environment } = session
  const [workspace = '', agent = null] = name.split('.')
  const port = options.text('port')
  if (what !== '' && port !== null) throw usage('an app and --port are two things to open', 'name one of them')
  if (what === '' && port !== null && name === '') throw usage('--port says nothing of which workspace', 'name it: open dev --port 8080')
  const isApp = what !== '' || port !== null
  const show: Show = async (url) => {
    const isShown = !options.flag('print') && (await openInBrowser(environment, url))
    if (!isShown) terminal.out(url)
    return isShown
  }
  if ((await session.client().endpoint()).through !== null) {
    return isApp ? appHere(session, { workspace, agent, app: what, port }, show) : openHere(session, workspace, show)
  }
  const url = isApp ? await appUrl(session, { workspace, agent, app: what, port }) : await pageUrl(session, workspace)
  if (!(await show(url))) return 0
  terminal.err(
    `opened ${what || (port === null ? name || 'the page' : `port ${port}`)} in the browser${namespace === 'default' ? '' : ` (${namespace})`}`,
  )
  return 0
}

/** Apps have an origin of their own, which is reached in the cluster alone: led to another they would be on somebody else's. */
async function appHere(session: Session, wish: Wish, show: Show): Promise<number> {
  const app = wish.port === null ? await declaredApp(session, wish) : null
  const url = textOf(field(app, 'url')) ?? ''
  const isServed = URL.canParse(url) && field(app, 'external') !== true
  if (wish.port !== null || isServed) throw ledHere(session, wish, wish.port === null ? new URL(url) : null)
  // A link leads elsewhere; what is not there, or is a command, is told of as everywhere.
  await show(await appUrl(session, wish))
  return EXIT.done
}

const USUAL_PORT = { 'http:': '80', 'https:': '443' } as const
/** Whoever is no administrator listens on none below. */
const PORTS_OF_ALL = 1024

function ledHere({ environment, namespace }: Session, { workspace, agent, port }: Wish, url: URL | null): Failure {
  const protocol = url?.protocol === 'https:' ? 'https:' : 'http:'
  const there = port ?? (url?.port || USUAL_PORT[protocol])
  const here = Number(there) < PORTS_OF_ALL ? String(8000 + Number(there)) : there
  const name = agent === null ? workspace : `${workspace}.${agent}`
  const ports = here === there ? there : `${here}:${there}`
  return new Failure(EXIT.unreachable, {
    what: 'a browser here does not reach the apps of this control plane: only the API server leads to it',
    fix: `lead it here: ${environment.program} port-forward ${name} ${ports}${inNamespace(namespace)}, and open ${protocol}//localhost:${here}${url?.pathname ?? '/'}`,
  })
}

async function declaredApp(session: Session, { workspace, agent, app }: Wish): Promise<unknown> {
  const path = pathOf(kindNamed('Workspace'), session.namespace, workspace, 'agents')
  const agents = listOf(field(await session.client().request('GET', path), 'items'))
  const apps = agents.filter((each) => agent === null || field(each, 'name') === agent).flatMap((each) => listOf(field(each, 'apps')))
  return apps.find((each) => field(each, 'slug') === app) ?? null
}

/** A browser has no kubeconfig: as long as this runs, a port of this machine leads it to the page. */
async function openHere(session: Session, workspace: string, show: Show): Promise<number> {
  const { terminal, environment } = session
  const client = session.client()
  const entry = await pageUrl(session, workspace)
  const interrupted = session.interrupted()
  const here = await openPageHere(() => client.endpoint())
  try {
    await show(entry.replace(new URL(entry).origin, here.origin))
    if (!terminal.quiet)
      terminal.err(`the page is at ${here.origin} until Ctrl-C; its apps are not, ${environment.program} port-forward leads to their ports`)
    await new Promise<void>((resolve) => (interrupted.aborted ? resolve() : interrupted.addEventListener('abort', () => resolve())))
  } finally {
    here.close()
  }
  // Connections through the API server would hold the program.
  setImmediate(() => process.exit(EXIT.done))
  return EXIT.done
}

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
