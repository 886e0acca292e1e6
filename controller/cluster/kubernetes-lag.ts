import type { Kind } from '../../crds/kinds.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Metrics } from '../kernel/metrics.ts'
import type { Resource } from './port.ts'

/** How far watches are behind, measured by writes of our own: a server does not say when a change was made. */
export interface Lag {
  wrote(kind: Kind, object: Resource): void
  seen(kind: Kind, version: number): void
}

const HELP = 'From the write of an object to the moment its watchers are told'

export function createLag(clock: Clock, metrics: Metrics): Lag {
  const written = new Map<string, { readonly version: number; readonly atMs: number }>()
  const newest = new Map<string, number>()
  return {
    // The oldest that was not seen yet: a later one must not make a watch that stands still look quick.
    wrote({ kind }, { metadata }) {
      const version = Number(metadata.resourceVersion)
      const known = newest.get(kind)
      // A kind that nobody watches has no lag, and a write that changed nothing has been seen already.
      if (known === undefined || version <= known || written.has(kind)) return
      written.set(kind, { version, atMs: clock.elapsedMs() })
    },
    seen({ kind }, version) {
      newest.set(kind, version)
      const mark = written.get(kind)
      if (!mark || version < mark.version) return
      written.delete(kind)
      metrics.observe('bothy_watch_lag_seconds', HELP, Math.max(0, clock.elapsedMs() - mark.atMs) / 1000)
    },
  }
}
