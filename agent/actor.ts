import type { IncomingHttpHeaders } from 'node:http2'
import { ACTOR_LENGTH_MAX, HEADER_ACTOR } from './protocol.ts'

/** Who asked for a stream, as the control plane named them. */
export function actorIn(headers: IncomingHttpHeaders): string {
  try {
    return decodeURIComponent(String(headers[HEADER_ACTOR] ?? '')).slice(0, ACTOR_LENGTH_MAX)
  } catch {
    return ''
  }
}
