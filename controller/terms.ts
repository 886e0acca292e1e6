import type { Cache } from './cluster/port.ts'
import { createEngine, type Engine, type EngineOptions } from './reconcile/engine.ts'
import { lead, type Leading, type LeadingOptions } from './reconcile/leading.ts'
import { createMetrics } from './kernel/metrics.ts'

/** An engine for each term in which this replica reconciles, and one that only answers questions while it does not. */
export interface Terms {
  readonly engine: Pick<Engine, 'explain' | 'simulate' | 'depth' | 'clockJumped'>
  /** From now on this replica may lead. Not before the cache has everything: what it lacks would be taken for gone. */
  begin(): Leading
}

export interface TermsOptions {
  readonly leading: Omit<LeadingOptions, 'begin' | 'end'>
  /** For one term: with its own store, which refuses once the term is over. */
  readonly engineOptions: (term: { readonly fenced: LeadingOptions['db'] }) => Omit<EngineOptions, 'assertLeader'>
  readonly cache: Cache
  /** What else whoever reconciles does. */
  readonly besides: { begin(): void; end(): void } | null
}

export function openTerms({ leading: leadingOptions, engineOptions, cache, besides }: TermsOptions): Terms {
  const changes = newestListener(cache)
  const { db } = leadingOptions
  // It is never started; what it would measure is nobody's.
  const asked = createEngine({ ...engineOptions({ fenced: db }), metrics: createMetrics() })
  let current: Engine | null = null
  const engine = () => current ?? asked
  const begin = () =>
    lead({
      ...leadingOptions,
      async begin({ assert, fenced }) {
        const options = engineOptions({ fenced })
        current = createEngine({ ...options, ports: { ...options.ports, cache: changes }, assertLeader: assert })
        await current.start()
        besides?.begin()
      },
      async end() {
        const last = current
        current = null
        changes.onChange(() => {})
        besides?.end()
        await last?.stop()
      },
    })
  return {
    begin,
    engine: {
      explain: (key) => engine().explain(key),
      simulate: (key, until) => engine().simulate(key, until),
      depth: () => engine().depth(),
      clockJumped: () => current?.clockJumped(),
    },
  }
}

/** A cache has its listeners for ever; an engine has a term. */
function newestListener(cache: Cache): Pick<Cache, 'get' | 'list' | 'by' | 'onChange'> {
  const newest: Parameters<Cache['onChange']>[0][] = []
  cache.onChange((...told) => newest.at(-1)?.(...told))
  return { get: cache.get, list: cache.list, by: cache.by, onChange: (listener) => void newest.splice(0, 1, listener) }
}
