import { API_VERSION, kindOf } from '../../crds/kinds.ts'
import { toIso, type Instant } from '../kernel/clock.ts'
import { plain } from '../kernel/plain.ts'
import type { Happening, ObjectRef } from './port.ts'

/** How what happened is written as an Event (events.k8s.io/v1), wherever it is kept. Pure. */

export const REPORTING_CONTROLLER = 'bothy.dev/controller'

/** The API server counts bytes. */
const NOTE_BYTES_MAX = 1024

/** An object that flaps must not fill the table: so many at once, then one in a while. */
const BURST = 25
const REFILL_MS = 10_000
const BUCKETS_MAX = 4096

export const keyOfRef = ({ kind, namespace, name, uid }: ObjectRef): string => `${kind}/${namespace}/${name}/${uid ?? ''}`

/** MicroTime of the Kubernetes API. */
export const micro = (at: Instant): string => toIso(at).replace(/Z$/, `.${String(Math.trunc(at) % 1000).padStart(3, '0')}000Z`)

/** What somebody wrote, no longer than the API allows. */
export function noteOf({ note }: Happening): string {
  const whole = plain(note)
  if (Buffer.byteLength(whole) <= NOTE_BYTES_MAX) return whole
  let end = Math.min(whole.length, NOTE_BYTES_MAX)
  while (Buffer.byteLength(whole.slice(0, end)) > NOTE_BYTES_MAX - 3) end -= 1
  // Half of a surrogate pair is no character.
  return `${whole.slice(0, end).replace(/[\uD800-\uDBFF]$/, '')}…`
}

export const referenceTo = ({ kind, namespace, name, uid }: ObjectRef): Readonly<Record<string, string>> => ({
  apiVersion: kindOf(kind)?.apiVersion ?? API_VERSION,
  kind,
  ...(namespace ? { namespace } : {}),
  name,
  ...(uid ? { uid } : {}),
})

/** A bucket an object, the least recently used forgotten first. */
export function createEventLimit(): (key: string, now: Instant) => boolean {
  const buckets = new Map<string, { readonly left: number; readonly at: Instant }>()
  return (key, now) => {
    const bucket = buckets.get(key)
    const left = Math.min(BURST, (bucket?.left ?? BURST) + (bucket ? (now - bucket.at) / REFILL_MS : 0))
    buckets.delete(key)
    buckets.set(key, { left: left >= 1 ? left - 1 : left, at: now })
    if (buckets.size > BUCKETS_MAX)
      for (const oldest of buckets.keys()) {
        buckets.delete(oldest)
        break
      }
    return left >= 1
  }
}
