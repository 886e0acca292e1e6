import type { ProcessMachines } from '../../provider/port.ts'
import { buildsOf, intentOf } from '../store/read-jobs.ts'
import type { Intent, Job } from '../store/records.ts'
import type { Tools } from './job.ts'
import { MACHINE_TYPES, machinesIn, type State } from './state.ts'

const BUILDS_LOOKED_AT_MAX = 20
/** What a machine is called when its template does not say. */
const USUAL_NAME = 'main'

/**
 * Machines that a crashed build made and no state ever learnt of. A start adopts the one it wants by its name; whatever is
 * left after a build that went well is wanted by nobody. With the workspace go its machines' homes.
 */
export async function sweepMachines(
  tried: readonly string[],
  removeHome: boolean,
  machines: ProcessMachines,
  state: State | null,
): Promise<void> {
  const kept = new Set(state ? machinesIn(state).map(({ name }) => name) : [])
  const names = new Set(tried)
  if (removeHome) names.add(USUAL_NAME)
  for (const name of names) if (!kept.has(name)) await machines.destroy(name, { removeHome })
}

/** The names of the machines that builds began to make which did not end well. */
export async function machinesTriedSinceTheLastSuccess({ db }: Pick<Tools, 'db'>, job: Job): Promise<string[]> {
  const builds = (await buildsOf(db, job.subject.uid, BUILDS_LOOKED_AT_MAX)).filter(({ id }) => id !== job.id)
  const success = builds.findIndex(({ phase }) => phase === 'Succeeded')
  const since = success === -1 ? builds : builds.slice(0, success)
  const intents = await Promise.all(since.map(({ id }) => intentOf(db, id)))
  return intents.flatMap((intent) => (intent?.creates ?? []).filter(isNative).map(({ name }) => name))
}

const isNative = ({ type }: Intent['creates'][number]): boolean => MACHINE_TYPES.includes(type)

/** What may exist without being in the state and cannot be found again by its name. */
export const orphansIn = (creates: Intent['creates'], state: State | null): string[] =>
  creates
    .filter((each) => !isNative(each))
    .map(({ type, name }) => `${type}.${name}`)
    .filter((address) => !state?.instances.some((instance) => instance.address === address))
