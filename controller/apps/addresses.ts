import type { Subject } from '../store/records.ts'
import { labelOf, pathOf, wordOf, type Place } from './place.ts'
import type { Outside } from './ports.ts'
import { whatIn } from './workspaces.ts'

/** Where a browser finds a place, and what a pass for it is bound to. */

/** One workspace, one agent as it was named, one app: a pass for it opens nothing else. */
export const targetOf = ({ uid }: Subject, { agent, what }: Place): string =>
  `${uid} ${agent ?? ''} ${'app' in what ? 'app' : 'port'}`.concat(` ${'app' in what ? what.app : what.port}`)

/** A host of its own where there can be one and it is wanted; otherwise a path. Ends with a slash. */
export function addressOf(
  outside: Outside,
  place: Place,
  agent: string,
  ownHost: boolean,
): { readonly url: string; readonly place: Place } {
  const label = ownHost ? hostOf(outside, { ...place, agent }) : null
  if (label === null) return { url: `${outside.origin}${pathOf(place)}/`, place }
  return { url: `${label}/`, place: { ...place, agent } }
}

/** null: it has none. */
export function hostOf({ origin, suffix }: Outside, place: Place & { readonly agent: string }): string | null {
  const readsBack = 'app' in whatIn(wordOf(place)) === 'app' in place.what
  if (suffix === null || !readsBack) return null
  const { protocol, port } = new URL(origin)
  return `${protocol}//${labelOf(place)}${suffix}${port ? `:${port}` : ''}`
}
