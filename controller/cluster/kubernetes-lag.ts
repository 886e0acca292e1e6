import type { Kind } from '../../crds/kinds.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Metrics } from '../kernel/metrics.ts'
import type { Resource } from './port.ts'

/** How far watches are behind, measured by writes of our own: a server does not say when a change was made. */
export interface Lag {
  /** Before a write; what it answers is told of the object as it was written. */
  writing(kind: Kind): (object: Resource) => void
  seen(kind: Kind, version: number): void
}

const HELP = 'From the write of an object to the moment its watchers are told'

export function createLag(clock: Clock, metrics: Metrics): Lag {
  const written = new Map<string, { readonly version: number; readonly atMs: number }>()
  const newest = new Map<string, number>()
  const observe = (ms: number) => metrics.observe('bothy_watch_lag_seconds', HELP, ms / 1000)
  return {
    writing({ kind }) {
      const before = newest.get(kind)
      return ({ metadata }) => {
        const version = Number(metadata.resourceVersion)
        // A kind that nobody watches has no lag, and a write that changed nothing is no write.
        if (before === undefined || version <= before) return
        if (version <= (newest.get(kind) ?? 0)) observe(0)
        // The oldest that was not seen yet: a later one must not make a watch that stands still look quick.
        else if (!written.has(kind)) written.set(kind, { version, atMs: clock.elapsedMs() })
      }
    },
    seen({ kind }, version) {
      // An older state was brought back: what was written after it is never seen.
      if (version < (newest.get(kind) ?? 0)) written.delete(kind)
      newest.set(kind, version)
      const mark = written.get(kind)
      if (!mark || version < mark.version) return
      written.delete(kind)
      observe(Math.max(0, clock.elapsedMs() - mark.atMs))
    },
  }
}
