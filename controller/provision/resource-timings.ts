import type { ResourceTiming } from '../store/records.ts'
import type { Said } from './output.ts'

/** How long terraform worked on each resource, by its own clock. */
export interface ResourceTimings {
  hear(work: NonNullable<Said['work']>): void
  /** The longest first. */
  list(): readonly ResourceTiming[]
}

const KEPT_MAX = 200

export function createResourceTimings(): ResourceTimings {
  const begun = new Map<string, number>()
  const done: ResourceTiming[] = []
  return {
    hear({ address, action, what, atMs }) {
      // What is made anew is destroyed and created under one address.
      const key = `${action} ${address}`
      if (what === 'begins') return void begun.set(key, atMs)
      const since = begun.get(key)
      begun.delete(key)
      if (since !== undefined) done.push({ address, action, ms: Math.max(0, Math.round(atMs - since)), failed: what === 'fails' })
    },
    list: () => done.toSorted((a, b) => b.ms - a.ms).slice(0, KEPT_MAX),
  }
}
