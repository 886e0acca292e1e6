import { paceOf, START_TRIES_MAX, type Pace } from './builds.ts'
import type { PowerRequest } from './requests.ts'
import type { Seen } from './seen.ts'

/** Failed starts with these inputs. An open request begins anew with its own, and so did the newest autostart. */
export function startPace({ builds }: Seen, inputs: string, request: PowerRequest | undefined): Pace {
  const autostart = builds.findIndex(({ reason }) => reason === 'Autostart')
  const since = autostart === -1 || request ? builds : builds.slice(0, autostart + 1)
  return paceOf(since, 'start', (build) => build.inputs === inputs && (!request || build.requestUid === request.uid))
}

export function isOutOfTries(seen: Seen, inputs: string, request?: PowerRequest): boolean {
  const pace = startPace(seen, inputs, request)
  return pace.canceledByPerson || pace.tries >= START_TRIES_MAX
}
