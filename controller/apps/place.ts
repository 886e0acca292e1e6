import { sha256 } from '../kernel/names.ts'

/** What an address of the apps' origin names: a declared app or a port of a workspace. Its spelling, both ways. */

export interface Place {
  /** Empty where the address does not say: a host of its own. */
  readonly owner: string
  readonly namespace: string
  readonly workspace: string
  /** null: the only one, or whichever has the app. */
  readonly agent: string | null
  readonly what: { readonly app: string } | { readonly port: number }
}

export interface PathPlace {
  readonly place: Place
  /** What every address of it begins with, as it was written; without a slash at its end. */
  readonly base: string
  /** What is left for the app: begins with a slash, or is empty. */
  readonly rest: string
}

/** `/@owner/[namespace:]workspace[.agent]/apps/SLUG/…` or `…/ports/PORT/…` */
const PATH = /^(?<base>\/@(?<owner>[^/?]{1,256})\/(?<name>[^/?]{1,300})\/(?<kind>apps|ports)\/(?<what>[^/?]{1,64}))(?<rest>[/?].*)?$/s
const NAME = /^(?:(?<namespace>[a-z0-9-]{1,63}):)?(?<workspace>[a-z0-9-]{1,253})(?:\.(?<agent>[A-Za-z0-9-]{1,64}))?$/
const SLUG = /^[a-z0-9](?:-?[a-z0-9])*$/
const DEFAULT_NAMESPACE = 'default'

export function placeAt(url: string): PathPlace | null {
  const { base = '', owner = '', name = '', kind, what = '', rest = '' } = PATH.exec(url)?.groups ?? {}
  const parts = NAME.exec(decoded(name) ?? '')?.groups
  const named = kind === 'ports' ? portIn(what) : SLUG.test(what) ? { app: what } : null
  const of = decoded(owner)
  if (!parts || !named || !of) return null
  const place = {
    owner: of,
    namespace: parts['namespace'] ?? DEFAULT_NAMESPACE,
    workspace: parts['workspace'] ?? '',
    agent: parts['agent'] ?? null,
    what: named,
  }
  return { place, base, rest }
}

export function pathOf({ owner, namespace, workspace, agent, what }: Place): string {
  const name = `${namespace === DEFAULT_NAMESPACE ? '' : `${namespace}:`}${workspace}${agent === null ? '' : `.${agent}`}`
  return `/@${encodeURIComponent(owner)}/${name}/${'app' in what ? `apps/${what.app}` : `ports/${what.port}`}`
}

export function portIn(text: string): { readonly port: number } | null {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0
  return port > 0 && port < 65_536 ? { port } : null
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

export const wordOf = ({ what }: Place): string => ('app' in what ? what.app : String(what.port))

const LABEL_LENGTH_MAX = 63
const HASH_LENGTH = 20
const READABLE = /^[a-z0-9](?:-?[a-z0-9])*$/

/**
 * `slug--agent--workspace--owner`, where that can be read one way only and fits a host name; otherwise `slug--` and a
 * digest of the same, which needs no more than the workspaces that are there to be understood.
 */
export function labelOf(place: Place & { readonly agent: string }): string {
  const { owner, namespace, workspace, agent } = place
  const parts = [wordOf(place), agent.toLowerCase(), workspace, owner]
  const readable = parts.join('--')
  if (namespace === DEFAULT_NAMESPACE && readable.length <= LABEL_LENGTH_MAX && parts.every((part) => READABLE.test(part))) return readable
  return `${wordOf(place)
    .slice(0, LABEL_LENGTH_MAX - HASH_LENGTH - 2)
    .replace(/-+$/, '')}--${digestOf([namespace, ...parts])}`
}

const digestOf = (parts: readonly string[]): string => sha256(JSON.stringify(parts)).slice(0, HASH_LENGTH)

/** The label of a host under the wildcard; null: it is not under it. `suffix` begins with a dot. */
export function labelIn(host: string, suffix: string | null): string | null {
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '')
  if (suffix === null || !name.endsWith(suffix)) return null
  const label = name.slice(0, -suffix.length)
  return /^[a-z0-9-]{1,63}$/.test(label) ? label : null
}

/** What a readable label may mean, or the word that a digest stands behind. */
export function readLabel(
  label: string,
): { readonly word: string; readonly agent: string; readonly workspace: string; readonly owner: string } | null {
  const [word = '', agent = '', workspace = '', owner, ...more] = label.split('--')
  return owner === undefined || more.length > 0 ? null : { word, agent, workspace, owner }
}
