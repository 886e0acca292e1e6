import type { Admitted, Gate } from './gate.ts'

/** What goes on now, so that it can be counted, and ended when it may not go on. */
export interface Live {
  /** false: too much goes on in this workspace. Answers how to say that it is over. */
  begin(admitted: Admitted, cut: () => void): (() => void) | null
  review(): void
  close(): void
  readonly count: number
}

interface Going {
  readonly admitted: Admitted
  readonly cut: () => void
}

export function createLive(gate: Pick<Gate, 'stillIn'>, perWorkspace: number): Live {
  const going = new Set<Going>()
  const counts = new Map<string, number>()
  const count = (uid: string, n: number) => {
    const now = (counts.get(uid) ?? 0) + n
    if (now > 0) counts.set(uid, now)
    else counts.delete(uid)
  }
  const look = async (one: Going): Promise<void> => {
    // Where nobody can be asked now, whoever is in stays.
    const stays = await gate.stillIn(one.admitted).catch(() => true)
    if (!stays && going.has(one)) one.cut()
  }
  return {
    begin(admitted, cut) {
      const { uid } = admitted.workspace.subject
      if ((counts.get(uid) ?? 0) >= perWorkspace) return null
      const one = { admitted, cut }
      going.add(one)
      count(uid, 1)
      return () => {
        if (going.delete(one)) count(uid, -1)
      }
    },
    review() {
      for (const one of going) void look(one)
    },
    close() {
      for (const { cut } of going) cut()
    },
    get count() {
      return going.size
    },
  }
}
