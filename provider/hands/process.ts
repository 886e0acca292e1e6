import type { ProcessSeen, ProcessWanted } from '../port.ts'
import { problem } from '../schema/rules.ts'
import { same } from '../schema/fill.ts'
import { unlessStopping, Wrong, type Session } from '../session.ts'
import { UNKNOWN, type ObjectValue, type Value } from '../wire/values.ts'
import { NO_SECRET, textOf, textsOf, type ResourceHand } from './hand.ts'

const TYPE = 'bothy_process'

const wantedBy = (planned: ObjectValue): ProcessWanted => ({
  name: textOf(planned, 'name'),
  agentId: textOf(planned, 'agent_id'),
  home: textOf(planned, 'home') || null,
  env: textsOf(planned, 'env'),
  shell: textOf(planned, 'shell') || null,
})

const withSeen = (state: ObjectValue, seen: ProcessSeen): ObjectValue => ({
  ...state,
  pid: seen.pid,
  home: seen.home,
  started_at: seen.startedAt,
})

const taken = (name: string) =>
  new Wrong(
    problem(['name'], 'Machine name in use', `Two machines of one workspace cannot both be called "${name}": give each a name of its own.`),
  )

/** What a running process cannot take over: a change of it means a new one. */
const restarts = (before: ObjectValue, planned: ObjectValue): boolean =>
  ['agent_id', 'env', 'shell'].some((name) => !same('plain', before[name] ?? null, planned[name] ?? null))

/**
 * The protocol never tells a resource's address, so two of one name are found by counting. A replacement is planned twice, once
 * against what is there and once against nothing: the two are counted apart. One of each is left for the apply to tell.
 */
function planName(name: Value | undefined, isNew: boolean, { planned }: Session): void {
  if (typeof name !== 'string') return
  const counted = `${isNew ? 'new' : 'kept'} ${name}`
  if (planned.has(counted)) throw taken(name)
  planned.add(counted)
}

export const process: ResourceHand = {
  plan(planned, before, session) {
    planName(planned['name'], before === null, session)
    return before && restarts(before, planned) ? { ...planned, pid: UNKNOWN, started_at: UNKNOWN } : planned
  },
  async create(planned, session) {
    const wanted = wantedBy(planned)
    const { held } = session.build
    if (held.has(wanted.name)) throw taken(wanted.name)
    held.add(wanted.name)
    const { reports, machines } = session.host
    try {
      await unlessStopping(session, () => reports.creating({ type: TYPE, name: wanted.name }))
    } catch (error) {
      held.delete(wanted.name)
      throw error
    }
    return { state: withSeen(planned, await machines.process.create(wanted)), secret: NO_SECRET }
  },
  async read({ state, secret }, { host, build }) {
    const name = textOf(state, 'name')
    const seen = await host.machines.process.observe(name)
    host.reports.machine({ type: TYPE, name, present: seen !== null })
    if (!seen) {
      build.held.delete(name)
      return null
    }
    build.held.add(name)
    return { state: withSeen(state, seen), secret }
  },
  async update(planned, before, session) {
    const wanted = wantedBy(planned)
    await unlessStopping(session, () => session.host.reports.creating({ type: TYPE, name: wanted.name }))
    return { state: withSeen(planned, await session.host.machines.process.update(wanted)), secret: before.secret }
  },
  async destroy({ state }, { host, build }) {
    const name = textOf(state, 'name')
    await host.machines.process.destroy(name, { removeHome: host.identity.transition === 'destroy' })
    build.held.delete(name)
  },
}
