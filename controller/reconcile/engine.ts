import type { Cache, Cluster, Resource } from '../cluster/port.ts'
import { toIso, type Clock, type Instant } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { keyOf, splitKey, type Key } from '../kernel/names.ts'
import { createQueue } from '../kernel/queue.ts'
import type { Kind, Simulated } from './kind.ts'
import { FOLLOWED } from './kinds.ts'
import { createLooking } from './looking.ts'
import { ownWrites } from './own-writes.ts'
import type { Ports, Store } from './ports.ts'
import { createTurns } from './turns.ts'
import type { Why } from './verdict.ts'

/**
 *   change ──key──► queue ──► observe ──► decide ──► act ──► status, once ──► settled, or a wake
 *
 * The engine owns order, retries, wakes and the one write of status. A kind owns judgement.
 */
export interface Engine {
  /** Looks at everything once, and from then on at what changes. The cache must have been filled. */
  start(): Promise<void>
  lookAt(key: Key): void
  lookAtAll(): void
  /** What holds the object, by the same rules; null where there is no such object. */
  explain(key: Key): Promise<Why | null>
  /** What the clock would do to it until then, by the same rules; null where there is no such object, or the clock does nothing to its kind. */
  simulate(key: Key, until: Instant): Promise<Simulation | null>
  /** Appointments are at the wrong time, and agents may have to come back first: everything is looked at again. */
  clockJumped(): void
  /** Keys that wait or are worked on: 0 is settled for now. */
  depth(): number
  /** Takes no more, and resolves when what is being done is done. */
  stop(): Promise<void>
}

export interface Simulation {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly from: string
  readonly until: string
  /** By whose clocks people think of it: a schedule that names no zone is of its owner's. */
  readonly timezone: string
  readonly changes: readonly (Omit<Simulated, 'at'> & { readonly at: string })[]
}

export interface EngineOptions {
  readonly kinds: readonly Kind[]
  readonly ports: {
    readonly cluster: Cluster
    readonly cache: Pick<Cache, 'get' | 'list' | 'by' | 'onChange'>
    readonly store: Store
    readonly variables: Ports['variables']
    readonly localUser: Ports['localUser']
  }
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** 0 … 1, for jitter. */
  readonly random: () => number
  /** Throws unless this replica may still act; asked before each side effect. */
  readonly assertLeader?: () => Promise<void>
  /** Keys told by other processes. `missed` is called when some may have been lost. Answers how to stop. */
  readonly onKeys: (listener: (key: string) => void, missed: () => void) => Promise<() => Promise<void>>
}

const WORKERS = 64
/** What the first heartbeat of a provisioner may change. */
const WAITS_FOR_PROVISIONER: ReadonlySet<string> = new Set(['NoProvisioner', 'Queued'])
const BACKOFF_FIRST_MS = 200
const BACKOFF_MOST_MS = 60_000

export function createEngine(options: EngineOptions): Engine {
  const { clock, metrics } = options
  const log = options.log.with({ part: 'reconcile' })
  const kinds = new Map(options.kinds.map((kind) => [kind.kind, kind]))
  const objects = ownWrites(options.ports.cache)
  const times: Times = { startedAt: clock.now(), clockJumpedAt: null }
  const ports = portsOf(options.ports, objects, times)
  const waitForProvisioner = new Set<Key>()
  let stopListening: (() => Promise<void>) | null = null

  const looking = createLooking({
    kinds,
    ports,
    objects,
    turns: createTurns(clock, log, () => queue),
    clock,
    log,
    metrics,
    assertLeader: options.assertLeader ?? (async () => {}),
    queue: () => queue,
    onFinding(key, finding) {
      if (finding?.conditions.some(({ reason }) => WAITS_FOR_PROVISIONER.has(reason))) waitForProvisioner.add(key)
      else waitForProvisioner.delete(key)
    },
  })
  const queue = createQueue<Key>({
    clock,
    workers: WORKERS,
    backoffFirstMs: BACKOFF_FIRST_MS,
    backoffMostMs: BACKOFF_MOST_MS,
    random: options.random,
    work: looking,
    onBug: (key, error) => log.error('a look could not be ended', { key, error }),
  })
  metrics.gauge('bothy_reconcile_queue_depth', 'Objects that wait to be looked at or are being looked at.', () => queue.depth())

  const told = (text: string): void => {
    const [kind = '', namespace = '', name = ''] = text.split('/')
    if (kinds.has(kind)) queue.add(keyOf(kind, namespace, name))
    // It has none of our objects, but somebody may have waited for just that.
    else if (kind === 'Provisioner') for (const key of waitForProvisioner) queue.add(key)
  }
  const lookAtAll = (): void => {
    for (const kind of kinds.keys()) for (const object of objects.list(kind)) queue.add(keyOfObject(object))
  }

  return {
    async start() {
      times.startedAt = clock.now()
      options.ports.cache.onChange(changes({ kinds, objects, queue, clock }))
      stopListening = await options.onKeys(told, lookAtAll)
      lookAtAll()
    },
    lookAt: (key) => queue.add(key),
    lookAtAll,
    clockJumped() {
      times.clockJumpedAt = clock.now()
      lookAtAll()
    },
    simulate: (key, until) => simulated(kinds, ports, key, clock, until),
    explain: (key) => explained(kinds, ports, key, clock),
    depth: () => queue.depth(),
    async stop() {
      await stopListening?.()
      await queue.stop()
    },
  }
}

interface Times {
  startedAt: Instant
  clockJumpedAt: Instant | null
}

/** The times are read anew at each look: the clock may jump at any moment. */
const portsOf = (given: EngineOptions['ports'], objects: Ports['objects'], times: Times): Ports => ({
  ...given,
  objects,
  get startedAt() {
    return times.startedAt
  },
  get clockJumpedAt() {
    return times.clockJumpedAt
  },
})

interface Changing {
  readonly kinds: ReadonlyMap<string, Kind>
  readonly objects: ReturnType<typeof ownWrites>
  readonly queue: ReturnType<typeof createQueue<Key>>
  readonly clock: Clock
}

/** A change is looked at, and whoever looks at what changed looks again; most changes show others nothing new. */
function changes({ kinds, objects, queue, clock }: Changing) {
  const shown = new Map<Key, string>()
  return (key: Key, object: Resource, type: 'ADDED' | 'MODIFIED' | 'DELETED'): void => {
    const ours = objects.shown(key, object, type === 'DELETED')
    const kind = kinds.get(object.kind) ?? FOLLOWED.get(object.kind)
    if (!kind) return
    if (!ours && kinds.has(object.kind)) queue.add(key)
    const now = type === 'DELETED' ? 'gone' : JSON.stringify(kind.shown(object))
    if (shown.get(key) === now) return
    if (type === 'DELETED') shown.delete(key)
    else shown.set(key, now)
    for (const other of kind.related(object, objects)) {
      const gatherMs = kinds.get(splitKey(other).kind)?.gatherMs ?? 0
      if (gatherMs === 0) queue.add(other)
      else queue.addAt(other, clock.now() + gatherMs)
    }
  }
}

async function explained(kinds: ReadonlyMap<string, Kind>, ports: Ports, key: Key, clock: Clock): Promise<Why | null> {
  const { kind: kindName, namespace, name } = splitKey(key)
  const kind = kinds.get(kindName)
  const object = ports.objects.get(kindName, namespace, name)
  if (!kind || !object) return null
  const { why } = await kind.look(ports, object, clock.now())
  return { kind: kindName, namespace, name, ...why() }
}

async function simulated(
  kinds: ReadonlyMap<string, Kind>,
  ports: Ports,
  key: Key,
  clock: Clock,
  until: Instant,
): Promise<Simulation | null> {
  const { kind: kindName, namespace, name } = splitKey(key)
  const kind = kinds.get(kindName)
  const object = ports.objects.get(kindName, namespace, name)
  if (!kind || !object) return null
  const now = clock.now()
  const { simulate } = await kind.look(ports, object, now)
  const foretold = simulate(until)
  if (foretold === null) return null
  const changes = foretold.changes.map(({ at, wants, reason, message }) => ({ at: toIso(at), wants, reason, message }))
  return { kind: kindName, namespace, name, from: toIso(now), until: toIso(until), timezone: foretold.timezone, changes }
}

const keyOfObject = ({ kind, metadata }: Resource): Key => keyOf(kind, metadata.namespace ?? '', metadata.name)
