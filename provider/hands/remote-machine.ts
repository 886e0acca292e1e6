import type { RemoteMachines } from '../machine-ports.ts'
import type { Machines } from '../port.ts'
import type { Diagnostic } from '../schema/model.ts'
import { problem } from '../schema/rules.ts'
import { unlessStopping, Wrong, type Build, type Session } from '../session.ts'
import { isUnknown, UNKNOWN, type ObjectValue, type Value } from '../wire/values.ts'
import { NO_SECRET, textOf, type ResourceHand } from './hand.ts'

/** How one kind of machine that somebody else makes is read from a configuration and shown in a state. */
export interface MachineKind<Wanted, Seen> {
  readonly type: 'bothy_container' | 'bothy_pod'
  readonly portOf: (machines: Machines) => RemoteMachines<Wanted, Seen> | undefined
  /** Said where this provisioner has no port for the kind. */
  readonly missing: Diagnostic
  /** Whether it is said by the plan already; else one that is planned by hand can be looked at. */
  readonly missingAtPlan: boolean
  readonly wantedBy: (planned: ObjectValue) => Wanted
  /** The state after a look: what somebody changed behind terraform's back is in it. */
  readonly withSeen: (state: ObjectValue, seen: Seen) => ObjectValue
  /** What a change that is made in place makes unknown all the same. */
  readonly unsettled?: (planned: ObjectValue, before: ObjectValue) => readonly string[]
}

export function remoteMachine<Wanted extends { readonly name: string }, Seen>(kind: MachineKind<Wanted, Seen>): ResourceHand {
  const { type, wantedBy, withSeen } = kind
  const portOf = ({ host }: Session): RemoteMachines<Wanted, Seen> => {
    const port = kind.portOf(host.machines)
    if (!port) throw new Wrong(kind.missing)
    return port
  }
  const held = (name: string): string => `${type} ${name}`
  const intent = async (session: Session, name: string): Promise<void> =>
    unlessStopping(session, () => session.host.reports.creating({ type, name }))

  return {
    plan(planned, before, session) {
      const port = kind.missingAtPlan ? portOf(session) : kind.portOf(session.host.machines)
      planName(held, planned['name'], before === null, session)
      if (port && isKnown(planned)) refuse(port.refused(wantedBy(planned)))
      if (before && !isUnknown(planned['image'] ?? null)) remember(session.build, held(textOf(planned, 'name')), planned)
      const unsettled = before ? (kind.unsettled?.(planned, before) ?? []) : []
      return { ...planned, ...Object.fromEntries(unsettled.map((each) => [each, UNKNOWN])) }
    },
    async create(planned, session) {
      const port = portOf(session)
      const wanted = wantedBy(planned)
      refuse(port.refused(wanted))
      const { held: names } = session.build
      if (names.has(held(wanted.name))) throw taken(wanted.name)
      names.add(held(wanted.name))
      try {
        await intent(session, wanted.name)
      } catch (error) {
        names.delete(held(wanted.name))
        throw error
      }
      return { state: withSeen(planned, await port.create(wanted, session.stopping.signal)), secret: NO_SECRET }
    },
    async read({ state, secret }, session) {
      const name = textOf(state, 'name')
      const seen = await portOf(session).observe(name, session.stopping.signal)
      session.host.reports.machine({ type, name, present: seen !== null })
      if (!seen) {
        session.build.held.delete(held(name))
        return null
      }
      session.build.held.add(held(name))
      return { state: withSeen(state, seen), secret }
    },
    async update(planned, before, session) {
      const port = portOf(session)
      const wanted = wantedBy(planned)
      await intent(session, wanted.name)
      return { state: withSeen(planned, await port.update(wanted, session.stopping.signal)), secret: before.secret }
    },
    async destroy({ state }, session) {
      const name = textOf(state, 'name')
      const port = portOf(session)
      const next = upcoming.get(session.build)?.get(held(name))
      // A replacement begins with the end of what runs: a typo in an image must not cost a session.
      if (next && next['image'] !== state['image']) await port.prepare?.(wantedBy(next), session.stopping.signal)
      await port.destroy(name)
      session.build.held.delete(held(name))
    },
  }
}

/** What each build has planned for machines that are there, by name. */
const upcoming = new WeakMap<Build, Map<string, ObjectValue>>()

function remember(build: Build, name: string, wanted: ObjectValue): void {
  const known = upcoming.get(build) ?? new Map<string, ObjectValue>()
  upcoming.set(build, known.set(name, wanted))
}

const taken = (name: string) =>
  new Wrong(
    problem(['name'], 'Machine name in use', `Two machines of one workspace cannot both be called "${name}": give each a name of its own.`),
  )

/** The protocol never tells a resource's address, so two of one name are found by counting, as for processes. */
function planName(held: (name: string) => string, name: Value | undefined, isNew: boolean, { planned }: Session): void {
  if (typeof name !== 'string') return
  const counted = `${isNew ? 'new' : 'kept'} ${held(name)}`
  if (planned.has(counted)) throw taken(name)
  planned.add(counted)
}

const refuse = (found: readonly Diagnostic[]): void => {
  if (found.length > 0) throw new Wrong(...found)
}

/** Blocks and what decides about leave are known; an id that is made later says nothing about it. */
const isKnown = (planned: ObjectValue): boolean =>
  ['name', 'network', 'privileged', 'bind', 'security_context', 'namespace'].every((name) => !holdsUnknown(planned[name] ?? null))

const holdsUnknown = (value: Value): boolean => isUnknown(value) || (Array.isArray(value) && value.some(holdsUnknown))
