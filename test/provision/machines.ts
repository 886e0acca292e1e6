import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { processMachines } from '../../controller/machines/process.ts'
import type { MachineOwner, MachinesFor } from '../../controller/provision/job.ts'

const AGENT = `${import.meta.dirname}/sleeping-agent.mjs`

/** The agent of these machines only sleeps: what it does is told elsewhere. */
export const realMachines =
  (stateDir: string): MachinesFor =>
  (owner: MachineOwner) => ({
    process: processMachines({
      stateDir,
      workspace: { uid: owner.workspace.uid, name: owner.workspace.name, owner: owner.owner.name },
      urlFile: join(stateDir, 'url'),
      clock: systemClock,
      log: silentLog,
      agentOf: (id) => {
        const token = owner.tokenOf(id)
        return token === null ? undefined : { token }
      },
      command: { node: process.execPath, script: AGENT },
      environment: process.env,
    }),
  })
