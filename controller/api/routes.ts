import { fromIso } from '../kernel/clock.ts'
import { Refused } from '../kernel/errors.ts'
import { listAgents } from './agents.ts'
import { answerJson } from './answer.ts'
import { DISCOVERY } from './discovery.ts'
import { refuseElsewhere } from './elsewhere.ts'
import { FILES } from './files.ts'
import { streamLog } from './log-stream.ts'
import type { Handler, ResourceHandler, Target } from './ports.ts'
import { createProgramRoute, isProgramPath } from './programs.ts'
import { OPENAPI } from './openapi.ts'
import { preview } from './preview.ts'
import { readyz } from './readiness.ts'
import { REVIEW_ROUTES } from './reviews.ts'
import { notServed, targetOf } from './resource-path.ts'
import { create, get, listOrWatch, notFound, patch, patchStatus, put, putStatus, remove, removeMany } from './resources.ts'
import { isOfThePage } from './page.ts'
import { beginSession, endSession, makeTicket, openApp, SESSION_PATH } from './session.ts'
import { TOKEN_ROUTES } from './tokens.ts'
import { versions } from './versions.ts'
import type { Watches } from './watches.ts'
import { down, healthz, metrics, status, version } from './system.ts'
import { timings } from './timings.ts'

/** Everything that can be asked, as a table. */

/** For those who watch over the process and have no token; they say nothing about what is declared. */
const OPEN: ReadonlySet<string> = new Set(['/healthz', '/readyz', SESSION_PATH])

export const needsToken = (path: string): boolean => !OPEN.has(path) && !isOfThePage(path) && !isProgramPath(path)

type Routes<H> = Readonly<Record<string, Readonly<Record<string, H>>>>

const PLAIN: Routes<Handler> = {
  '/healthz': { GET: healthz },
  '/readyz': { GET: readyz },
  '/version': { GET: version },
  '/metrics': { GET: metrics },
  ...DISCOVERY,
  ...OPENAPI,
  ...REVIEW_ROUTES,
  ...TOKEN_ROUTES,
  [SESSION_PATH]: { POST: beginSession, DELETE: endSession },
  '/bothy/v1/tickets': { POST: makeTicket },
  '/bothy/v1/status': { GET: status },
  '/bothy/v1/down': { POST: down },
}

/** By what the path names: `*` many objects, `.` one, `./x` its subresource. */
const resourceRoutes = (watches: Watches): Routes<ResourceHandler> => ({
  '*': { GET: listOrWatch(watches), POST: create, DELETE: removeMany },
  '.': { GET: get, PUT: put, PATCH: patch, DELETE: remove },
  './status': { GET: get, PUT: putStatus, PATCH: patchStatus },
  './why': { GET: why },
  './open': { POST: openApp },
  './log': { GET: streamLog },
  './agents': { GET: listAgents },
  './files': FILES,
  './simulate': { GET: simulate },
  './preview': { POST: preview },
  './versions': { GET: versions },
  './timings': { GET: timings },
  './ssh': { GET: hostKeys },
})

const why: ResourceHandler = async ({ ports, response }, target) => {
  const found = await ports.why(target.kind.kind, target.namespace ?? '', target.name ?? '')
  if (found === null) throw notFound(target)
  answerJson(response, 200, found)
}

/** With an upgrade it is a connection; without one, what whoever makes it may expect to find. */
const hostKeys: ResourceHandler = async ({ ports, response }, target) => {
  const workspace = await ports.cluster.get('Workspace', target.namespace ?? '', target.name ?? '')
  if (!workspace) throw notFound(target)
  answerJson(response, 200, { hostKeys: await ports.hostKeys(workspace.metadata.uid) })
}

const SIMULATION_MS_MAX = 366 * 86_400_000

const simulate: ResourceHandler = async ({ ports, query, response }, { namespace, name }) => {
  const [until, now] = [fromIso(query.get('until')), ports.clock.now()]
  if (until === null || until <= now || until > now + SIMULATION_MS_MAX)
    throw new Refused('BadRequest', 'until must be an instant within the coming year, like 2026-11-28T00:00:00Z')
  const simulated = await ports.simulate(namespace ?? '', name ?? '', until)
  if (simulated === null)
    throw new Refused('NotFound', `workspaces.bothy.dev "${name}" not found`, { name: name ?? '', group: 'bothy.dev', kind: 'workspaces' })
  answerJson(response, 200, simulated)
}

/** Subresources that only some kinds have. */
const ONLY: Readonly<Record<string, (target: Target) => boolean>> = {
  './status': ({ kind }) => kind.hasStatus,
  './why': ({ kind }) => ['Workspace', 'Template', 'WorkspaceRequest'].includes(kind.kind),
  './log': ({ kind }) => kind.kind === 'Workspace',
  './open': ({ kind }) => kind.kind === 'Workspace',
  './agents': ({ kind }) => kind.kind === 'Workspace',
  './files': ({ kind }) => kind.kind === 'Workspace',
  './simulate': ({ kind }) => kind.kind === 'Workspace',
  './preview': ({ kind }) => kind.kind === 'Template',
  './versions': ({ kind }) => kind.kind === 'Template',
  './timings': ({ kind }) => kind.kind === 'Workspace',
  './ssh': ({ kind }) => kind.kind === 'Workspace',
}

export function createRouter(watches: Watches): Handler {
  const resources = resourceRoutes(watches)
  const program = createProgramRoute()
  return async (call) => {
    const { method, path } = call
    const target = targetOf(path)
    refuseElsewhere(call, target)
    if (Object.hasOwn(PLAIN, path)) return chosen(PLAIN[path] ?? {}, method)(call)
    if (isProgramPath(path)) return chosen({ GET: program, HEAD: program }, method)(call)
    const shape = target ? shapeOf(target) : ''
    const served = ONLY[shape]
    if (!target || !Object.hasOwn(resources, shape) || (served && !served(target))) throw notServed(path)
    const many = target.name === null && target.namespace === null && target.kind.namespaced
    if (many && method === 'POST')
      throw new Refused('MethodNotAllowed', `name a namespace to create in: /namespaces/{namespace}/${target.kind.plural}`)
    return chosen(resources[shape] ?? {}, method)(call, target)
  }
}

const shapeOf = ({ name, subresource }: Target): string => (name === null ? '*' : subresource === null ? '.' : `./${subresource}`)

function chosen<H>(methods: Readonly<Record<string, H>>, method: string): H {
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined
  if (handler === undefined)
    throw new Refused('MethodNotAllowed', `the server does not allow ${method} here; it allows ${Object.keys(methods).join(', ')}`)
  return handler
}

/** The metrics' label for a path: from a closed set, never an object's name. */
export function routeOf(path: string): string {
  if (Object.hasOwn(PLAIN, path)) return path
  if (isProgramPath(path)) return '/bin'
  try {
    const target = targetOf(path)
    const shape = target ? shapeOf(target) : ''
    return target && ['*', '.', ...Object.keys(ONLY)].includes(shape) ? `${target.kind.plural}${shape}` : 'other'
  } catch {
    return 'other'
  }
}
