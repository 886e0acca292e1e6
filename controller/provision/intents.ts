import { Transient } from '../kernel/errors.ts'
import { recordIntent } from '../store/claim-jobs.ts'
import type { Db } from '../store/pool.ts'
import type { Claim, Intent } from '../store/records.ts'
import type { Process } from './terraform.ts'

/** What is about to happen, written down before it does, in order. */
export interface Intents {
  record(): Promise<void>
  /** Rejects when it could not be written: then the thing is not made. */
  creating(machine: Intent['creates'][number]): Promise<void>
  /** Terraform is about to make this with somebody else's provider: nobody finds it again by a name. */
  planned(address: string): void
  started(process: Process): void
  creates(): Intent['creates']
}

const PLANNED_MAX = 1000

export function createIntents(db: Db, claim: Claim, where: Pick<Intent, 'host' | 'folder' | 'place'>): Intents {
  let intent: Intent = { ...where, creates: [] }
  let writing: Promise<void> = Promise.resolve()
  const writtenAfter = async (before: Promise<void>, now: Intent): Promise<void> => {
    await before.catch(() => {})
    if (!(await recordIntent(db, claim, now))) throw new Transient('this build belongs to another provisioner now')
  }
  const write = (change: Partial<Intent>): Promise<void> => {
    intent = { ...intent, ...change }
    const now = intent
    writing = writtenAfter(writing, now)
    return writing
  }
  const planned = new Set<string>()
  let isToBeWritten = false
  /** Terraform tells of many at once: one write for all of them. */
  const writePlanned = async (): Promise<void> => {
    await writing.catch(() => {})
    isToBeWritten = false
    await write({ planned: [...planned] })
  }
  return {
    record: () => write({}),
    creating: (machine) => write({ creates: [...intent.creates, machine] }),
    planned(address) {
      if (planned.has(address) || planned.size >= PLANNED_MAX) return
      planned.add(address)
      if (isToBeWritten) return
      isToBeWritten = true
      void writePlanned().catch(() => {})
    },
    started: ({ pid, startedAt }) => void write({ pid, pidStartedAt: startedAt }).catch(() => {}),
    creates: () => intent.creates,
  }
}
