import { shownAddress } from '../kernel/addresses.ts'
import type { Machines } from '../../provider/port.ts'
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
export async function sweepMachines(tried: Intent['creates'], removeHome: boolean, machines: Machines, state: State | null): Promise<void> {
  const kept = new Set(state ? machinesIn(state).map(addressOf) : [])
  const left = new Map(tried.filter((each) => !kept.has(addressOf(each))).map((each) => [addressOf(each), each]))
  const namesOf = (type: string) => [...left.values()].filter((each) => each.type === type).map(({ name }) => name)
  for (const name of namesOf('bothy_container')) await machines.container?.destroy(name)
  for (const name of namesOf('bothy_pod')) await machines.pod?.destroy(name)
  // Volumes stay when a workspace stops, so nothing of terraform's is there to remove them when it goes.
  if (removeHome) await machines.container?.forget()
  if (removeHome) await machines.pod?.forget()
  const processes = new Set(namesOf('bothy_process'))
  if (removeHome && !kept.has(addressOf({ type: 'bothy_process', name: USUAL_NAME }))) processes.add(USUAL_NAME)
  for (const name of processes) await machines.process.destroy(name, { removeHome })
}

const addressOf = ({ type, name }: Intent['creates'][number]): string => `${type} ${name}`

/** The machines that builds began to make which did not end well. */
export async function machinesTriedSinceTheLastSuccess({ db }: Pick<Tools, 'db'>, job: Job): Promise<Intent['creates']> {
  const builds = (await buildsOf(db, job.subject.uid, BUILDS_LOOKED_AT_MAX)).filter(({ id }) => id !== job.id)
  const success = builds.findIndex(({ phase }) => phase === 'Succeeded')
  const since = success === -1 ? builds : builds.slice(0, success)
  const intents = await Promise.all(since.map(({ id }) => intentOf(db, id)))
  return intents.flatMap((intent) => (intent?.creates ?? []).filter(isNative))
}

const isNative = ({ type }: Intent['creates'][number]): boolean => MACHINE_TYPES.includes(type)

/** Of what terraform was about to make: what may exist without being in the state, and cannot be found again by a name. */
export const orphansIn = (planned: readonly string[], state: State | null): string[] => {
  const known = new Set(state?.instances.map(({ address }) => address))
  return planned.filter((address) => !known.has(address)).map(shownAddress)
}
