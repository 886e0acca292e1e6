import type { Client } from '../../cli/client.ts'
import { field, listOf, numberOf, textOf } from '../../cli/json.ts'
import { within, systemClock } from '../../controller/kernel/clock.ts'
import type { Place } from './place.ts'

/** The objects of one kind as the API's watch shows them, and when it showed them. */
export interface Watching {
  /** The instant at which the object is first seen to be so; at once when it is so already. */
  when(name: string, what: string, holds: (object: unknown) => boolean): Promise<number>
  whenGone(name: string): Promise<void>
  has(name: string): boolean
}

type Told = (name: string) => void

const LIMIT_MS = 60_000

export function watch(place: Place, client: Client, plural: string): Watching {
  const objects = new Map<string, unknown>()
  const listeners = new Set<Told>()
  const over = new AbortController()
  const follow = async (): Promise<void> => {
    const path = `/apis/bothy.dev/v1alpha1/namespaces/default/${plural}`
    for await (const change of client.lines(path, { query: { watch: 'true' }, signal: over.signal })) {
      const object = field(change, 'object')
      const name = textOf(field(object, 'metadata', 'name')) ?? ''
      if (field(change, 'type') === 'DELETED') objects.delete(name)
      else objects.set(name, object)
      for (const told of listeners) told(name)
    }
  }
  const followed = follow().catch((error: unknown) => {
    if (!over.signal.aborted) process.stderr.write(`the watch of ${plural} ended: ${String(error)}\n`)
  })
  place.onLeave(() => {
    over.abort()
    return followed
  })

  const until = (name: string, what: string, holds: () => boolean): Promise<number> => {
    const { promise, resolve } = Promise.withResolvers<number>()
    const told: Told = (changed) => {
      if (changed !== name || !holds()) return
      listeners.delete(told)
      resolve(systemClock.elapsedMs())
    }
    listeners.add(told)
    told(name)
    return within(systemClock, LIMIT_MS, promise, () => {
      listeners.delete(told)
      return new Error(`${name} was not ${what} within ${LIMIT_MS} ms; it is ${JSON.stringify(field(objects.get(name), 'status'))}`)
    })
  }

  return {
    when: (name, what, holds) => until(name, what, () => objects.has(name) && holds(objects.get(name))),
    whenGone: async (name) => void (await until(name, 'gone', () => !objects.has(name))),
    has: (name) => objects.has(name),
  }
}

export const isTrue =
  (type: string) =>
  (object: unknown): boolean =>
    listOf(field(object, 'status', 'conditions')).some((each) => field(each, 'type') === type && field(each, 'status') === 'True')

export const generationOf = (object: unknown): number => numberOf(field(object, 'metadata', 'generation')) ?? 0
export const observedOf = (object: unknown): number => numberOf(field(object, 'status', 'observedGeneration')) ?? 0
