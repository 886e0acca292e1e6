import type { Template, Workspace } from '../../crds/types.ts'
import type { Resource } from '../cluster/port.ts'
import type { Clock } from '../kernel/clock.ts'
import { agentsOf } from '../store/agents.ts'
import type { Db } from '../store/pool.ts'
import type { AgentApp, AgentRow, Subject } from '../store/records.ts'
import type { SharingMax } from './access.ts'
import { labelOf, readLabel, type Place } from './place.ts'
import type { AppsPorts } from './ports.ts'

/** What the proxy has to know of a workspace: from the cache at every request, and its agents from the store. */

export interface WorkspaceSeen {
  readonly subject: Subject
  readonly owner: string
  /** null: it may be running. */
  readonly stopped: 'NotBuilt' | 'Stopped' | null
  readonly sharingMax: SharingMax
  /** Of an app, by its slug: what its health check says. */
  readonly health: ReadonlyMap<string, string>
}

export interface Workspaces {
  at(namespace: string, name: string): WorkspaceSeen | null
  agentsOf(seen: WorkspaceSeen): Promise<readonly AgentRow[]>
  /** What a host of its own stands for; null: nothing. */
  behind(label: string): Promise<Place | null>
}

export type AppsView = Pick<AppsPorts, 'cache' | 'localUser' | 'db' | 'clock'>

// The cluster keeps objects decoded by the definitions that these types were generated from.
const isWorkspace = (object: Resource | Workspace): object is Workspace => object.kind === 'Workspace'
const isTemplate = (object: Resource | Template): object is Template => object.kind === 'Template'

export function createWorkspaces({ cache, localUser, db, clock }: AppsView): Workspaces {
  const agents = createAgentMemory(db, clock)
  const seenOf = (object: Resource): WorkspaceSeen | null => {
    if (!isWorkspace(object)) return null
    const { metadata, spec, status } = object
    const namespace = metadata.namespace ?? ''
    const template = cache.get('Template', spec.template.namespace ?? namespace, spec.template.name)
    return {
      subject: { uid: metadata.uid, namespace, name: metadata.name },
      owner: status?.owner ?? spec.owner ?? localUser,
      stopped: status?.power?.effective === 'Running' ? null : status?.power?.reason === 'NotBuilt' ? 'NotBuilt' : stoppedOf(status),
      // A template that is gone allows the least.
      sharingMax: (template && isTemplate(template) && template.spec.sharing?.max) || 'Owner',
      health: new Map(
        (status?.agents ?? []).flatMap(({ apps }) => (apps ?? []).flatMap(({ slug, health }) => (health ? [[slug, health]] : []))),
      ),
    }
  }
  const at: Workspaces['at'] = (namespace, name) => {
    const object = cache.get('Workspace', namespace, name)
    return object ? seenOf(object) : null
  }
  const labels = new Map<string, Place & { readonly agent: string }>()
  return {
    at,
    agentsOf: ({ subject }) => agents(subject.uid),
    async behind(label) {
      const known = labels.get(label)
      if (known && at(known.namespace, known.workspace)?.owner === known.owner) return known
      labels.delete(label)
      const place = readLabel(label) ? readable(label, at) : await searched(label, cache.list('Workspace'), seenOf, agents)
      if (place) remember(labels, label, place)
      return place
    },
  }
}

function stoppedOf(status: Workspace['status']): 'Stopped' | 'NotBuilt' | null {
  const effective = status?.power?.effective
  return effective === undefined ? 'NotBuilt' : effective === 'Stopped' || effective === 'Destroyed' ? 'Stopped' : null
}

const LABELS_MAX = 2000

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  const oldest = map.size >= LABELS_MAX ? map.keys().next().value : undefined
  if (oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}

function readable(label: string, at: Workspaces['at']): (Place & { readonly agent: string }) | null {
  const read = readLabel(label)
  if (!read || at('default', read.workspace)?.owner !== read.owner) return null
  return { owner: read.owner, namespace: 'default', workspace: read.workspace, agent: read.agent, what: whatIn(read.word) }
}

/** A port is a number; no app has a slug of digits alone that a port could not have. */
export const whatIn = (word: string): Place['what'] =>
  /^[1-9]\d{1,4}$/.test(word) && Number(word) < 65_536 ? { port: Number(word) } : { app: word }

/** A digest cannot be read, so what it may stand for is gone through: apps that are declared, and the port it names. */
async function searched(
  label: string,
  objects: readonly Resource[],
  seenOf: (object: Resource) => WorkspaceSeen | null,
  agentsOf: (uid: string) => Promise<readonly AgentRow[]>,
): Promise<(Place & { readonly agent: string }) | null> {
  const begins = label.slice(0, label.lastIndexOf('--'))
  for (const object of objects) {
    const seen = seenOf(object)
    if (!seen || seen.stopped) continue
    const { namespace, name } = seen.subject
    for (const agent of await agentsOf(seen.subject.uid)) {
      const words = [begins, ...agent.manifest.apps.map(({ slug }) => slug).filter((slug) => slug.startsWith(begins))]
      for (const word of words) {
        const place = { owner: seen.owner, namespace, workspace: name, agent: agent.name, what: whatIn(word) }
        if (labelOf(place) === label) return place
      }
    }
  }
  return null
}

const FRESH_MS = 1000
const REMEMBERED_MAX = 1000

/** A page asks for a hundred things at once: its workspace's agents are read once a second. */
function createAgentMemory(db: Db, clock: Clock): (uid: string) => Promise<readonly AgentRow[]> {
  const memory = new Map<string, { readonly at: number; readonly rows: Promise<readonly AgentRow[]> }>()
  return (uid) => {
    const known = memory.get(uid)
    if (known && clock.elapsedMs() - known.at < FRESH_MS) return known.rows
    const rows = agentsOf(db, uid)
    if (memory.size >= REMEMBERED_MAX) memory.clear()
    memory.set(uid, { at: clock.elapsedMs(), rows })
    rows.catch(() => memory.delete(uid))
    return rows
  }
}

export interface Found {
  readonly agent: AgentRow
  /** null: a port. */
  readonly app: AgentApp | null
}

/** Which agent has what an address names; null: none. */
export function findIn(rows: readonly AgentRow[], { agent, what }: Pick<Place, 'agent' | 'what'>): Found | null {
  const confirmed = rows.filter((row) => row.confirmed)
  const mine = confirmed.filter(({ name }) => agent === null || name.toLowerCase() === agent.toLowerCase())
  if ('port' in what) {
    const [only, ...others] = mine
    return only && others.length === 0 ? { agent: only, app: null } : null
  }
  for (const row of mine) {
    const app = row.manifest.apps.find(({ slug }) => slug === what.app)
    if (app) return { agent: row, app }
  }
  return null
}
