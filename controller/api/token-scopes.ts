import type { Wish } from './ports.ts'

/** What tokens that were made for a purpose may, as a table. Each scope has what the ones before it have. */

interface Grant {
  readonly verbs: readonly string[]
  readonly resources: readonly string[]
}

const READ: readonly string[] = ['get', 'list', 'watch']
const WRITE: readonly string[] = ['create', 'update', 'patch', 'delete', 'deletecollection']

const READABLE: readonly string[] = ['workspaces', 'templates', 'workspacerequests', 'owners', 'configmaps', 'events', 'namespaces']

const GRANTS = {
  /** Look at everything but Secrets. */
  read: [{ verbs: READ, resources: READABLE }],
  /** Ask for starts, stops and the like, and enter workspaces. */
  use: [
    { verbs: ['connect'], resources: ['workspaces'] },
    { verbs: WRITE, resources: ['workspacerequests'] },
    { verbs: ['create'], resources: ['templates/preview'] },
  ],
  /** Make, change and remove workspaces. */
  workspaces: [{ verbs: WRITE, resources: ['workspaces'] }],
  /** Declare everything. */
  declare: [{ verbs: [...READ, ...WRITE], resources: ['templates', 'owners', 'configmaps', 'secrets', 'namespaces'] }],
} as const satisfies Readonly<Record<string, readonly Grant[]>>

export type Scope = keyof typeof GRANTS
export const SCOPES = Object.keys(GRANTS) as readonly Scope[]
export const isScope = (text: string): text is Scope => Object.hasOwn(GRANTS, text)

/** What says what is served, and who one is. Nothing of it is declared by anybody. */
const DISCOVERY = /^\/(?:version|api|apis|openapi)(?:\/|$)/
const SELF = /^\/apis\/auth(?:entication|orization)\.k8s\.io\/v1\/self[a-z]+reviews$/
/** Of the whole control plane, so for nobody who is kept to a namespace. */
const SUMMARIES: ReadonlySet<string> = new Set(['/bothy/v1/status', '/metrics'])

export function scopeAllows(scope: string, namespaces: readonly string[], wish: Wish): boolean {
  if (!isScope(scope)) return false
  if (wish.resource === '') return allowsPath(namespaces, wish)
  const isInside = namespaces.length === 0 || (wish.namespace !== null && namespaces.includes(wish.namespace))
  // Whoever is kept to a namespace may see that it is there, and keep it.
  const isKept = namespaces.length > 0 && wish.resource === 'namespaces' && wish.verb !== 'get'
  return isInside && !isKept && grantsOf(scope).some((grant) => isGranted(grant, wish))
}

const grantsOf = (scope: Scope): readonly Grant[] =>
  SCOPES.slice(0, SCOPES.indexOf(scope) + 1).flatMap((each): readonly Grant[] => GRANTS[each])

/** What belongs to an object is read with it, and written by nobody: a status is the controller's. */
function isGranted({ verbs, resources }: Grant, { verb, resource, subresource }: Wish): boolean {
  if (!verbs.includes(verb)) return false
  return subresource === null || verb === 'get' ? resources.includes(resource) : resources.includes(`${resource}/${subresource}`)
}

const allowsPath = (namespaces: readonly string[], { verb, path }: Wish): boolean =>
  (verb === 'get' && (DISCOVERY.test(path) || (namespaces.length === 0 && SUMMARIES.has(path)))) || (verb === 'post' && SELF.test(path))
