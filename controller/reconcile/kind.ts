import type { Resource } from '../cluster/port.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Key } from '../kernel/names.ts'
import type { Objects, Ports } from './ports.ts'
import type { Verdict, Why } from './verdict.ts'

export interface Acting {
  readonly ports: Ports
  /** The object as it is after the actions before. */
  readonly object: Resource
}

/** Why, but for the name of the object. */
export type Reasons = Omit<Why, 'kind' | 'namespace' | 'name'>

/** One thing that the clock would do. */
export interface Simulated {
  readonly at: Instant
  readonly wants: string
  readonly reason: string
  readonly message: string
}

export interface Foretold {
  /** By whose clocks people think of it. */
  readonly timezone: string
  readonly changes: readonly Simulated[]
}

/** What a kind is made of: judgement alone. Order, retries, wakes and status are the engine's. */
export interface KindParts<Seen, Action extends { readonly do: string }> {
  readonly kind: string
  /** The condition that sums it up: Ready for what lasts, Succeeded for what is done once. */
  readonly top: 'Ready' | 'Succeeded'
  /** Everything that may matter, fetched first. */
  observe(ports: Ports, object: Resource, now: Instant): Promise<Seen>
  decide(seen: Seen, now: Instant): Verdict<Action>
  /** Idempotent. Answers the object where the action changed it. */
  act(action: Action, acting: Acting): Promise<Resource | undefined>
  why(seen: Seen, now: Instant): Reasons
  /** Where the clock does something by itself: what, until then. */
  simulate?(seen: Seen, now: Instant, until: Instant): Foretold
  /** Who must look again when what others see of this object changed. */
  related(object: Resource, objects: Objects): readonly Key[]
  /** What others see of it. */
  shown(object: Resource): unknown
  /** For how long changes of others are gathered into one look at it. */
  readonly gatherMs: number
}

/** A kind as the engine knows it, whatever its rules look at. */
export interface Kind extends Pick<KindParts<never, never>, 'kind' | 'top' | 'related' | 'shown' | 'gatherMs'> {
  look(ports: Ports, object: Resource, now: Instant): Promise<Look>
}

export interface Look {
  readonly verdict: Verdict<{ readonly do: string }>
  /** Does the actions in order, one a step, each after it was asked whether it may be done; the first that fails ends it. */
  act(mayAct: () => Promise<void>): AsyncIterable<{ readonly action: string; readonly after: Resource }>
  why(): Reasons
  /** null: the clock does nothing to objects of this kind. */
  simulate(until: Instant): Foretold | null
}

/** One entry of the table of kinds. */
export function defineKind<Seen, Action extends { readonly do: string }>(parts: KindParts<Seen, Action>): Kind {
  const { kind, top, gatherMs } = parts
  return {
    kind,
    top,
    gatherMs,
    related: (object, objects) => parts.related(object, objects),
    shown: (object) => parts.shown(object),
    async look(ports, object, now) {
      const seen = await parts.observe(ports, object, now)
      const verdict = parts.decide(seen, now)
      return {
        verdict,
        async *act(mayAct) {
          let after = object
          for (const action of verdict.actions) {
            await mayAct()
            after = (await parts.act(action, { ports, object: after })) ?? after
            yield { action: action.do, after }
          }
        },
        why: () => parts.why(seen, now),
        simulate: (until) => parts.simulate?.(seen, now, until) ?? null,
      }
    },
  }
}
