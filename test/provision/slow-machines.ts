import type { ProcessMachines } from '../../provider/port.ts'
import type { MachinesFor } from '../../controller/provision/job.ts'

export interface SlowMachines {
  readonly machinesFor: MachinesFor
  /** Resolves when a machine is about to be made. */
  readonly asked: Promise<void>
  /** Lets it be made. */
  release(): void
}

/** The real machines, except that making one waits to be released. */
export function slowMachines(real: MachinesFor): SlowMachines {
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  return {
    asked: asked.promise,
    release: () => released.resolve(),
    machinesFor(owner) {
      const { process } = real(owner)
      const slow: ProcessMachines = {
        ...process,
        async create(wanted) {
          asked.resolve()
          await released.promise
          return process.create(wanted)
        },
      }
      return { process: slow }
    },
  }
}
