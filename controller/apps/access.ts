import type { AppShare } from '../store/agent-manifests.ts'

/** Who may use an app, as arithmetic. */

export type SharingMax = 'Owner' | 'Authenticated' | 'Public'

const RANK: Readonly<Record<AppShare, number>> = { owner: 0, authenticated: 1, public: 2 }
const MOST: Readonly<Record<SharingMax, AppShare>> = { Owner: 'owner', Authenticated: 'authenticated', Public: 'public' }

/** What the app asks for, and never more than its template allows. */
export function levelOf(share: AppShare, max: SharingMax): AppShare {
  const most = MOST[max]
  return RANK[share] <= RANK[most] ? share : most
}

export interface Visit {
  readonly level: AppShare
  /** By a host of its own, where its scripts share nothing with other apps; or by a path beside them. */
  readonly by: 'host' | 'path'
  /** null: nobody is known. */
  readonly visitor: { readonly mayConnect: boolean } | null
}

export type Verdict = 'in' | 'sign-in' | 'forbidden' | 'own-host'

/**
 * A path is for whoever may enter the workspace anyway: apps beside each other on one origin can act for whoever looks at
 * them, so what is shared with others has a host of its own.
 */
export function judge({ level, by, visitor }: Visit): Verdict {
  if (visitor?.mayConnect) return 'in'
  if (level === 'owner') return visitor ? 'forbidden' : 'sign-in'
  if (level === 'authenticated' && !visitor) return 'sign-in'
  return by === 'host' ? 'in' : 'own-host'
}
