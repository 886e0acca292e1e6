import type { Host, Identity } from './port.ts'
import { problem } from './schema/rules.ts'
import { Wrong } from './session.ts'

/** Nobody is told anything, and no machine is made: whoever runs terraform by hand has no control plane that would look after it. */

const refuse = async (): Promise<never> => {
  throw new Wrong(
    problem(
      [],
      'No control plane',
      'Machines are made by the builds of a control plane (bothy up); terraform run by hand can only plan them.',
    ),
  )
}
const NO_MACHINES = { refused: () => [], observe: refuse, create: refuse, update: refuse, destroy: refuse, forget: refuse }

export const launchedHost = (identity: Identity): Host => ({
  identity,
  machines: { process: NO_MACHINES, container: NO_MACHINES, pod: NO_MACHINES },
  reports: { parameter() {}, preset() {}, machine() {}, agent: async () => {}, creating: async () => {} },
})
