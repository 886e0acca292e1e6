import { agentsByTokens } from '../store/agents.ts'
import type { Db } from '../store/pool.ts'
import type { AgentRow } from '../store/records.ts'

/** null: unknown, a wrong token, or neither in the newest state nor of a running build. */
export type KnownAgent = (id: string, tokenHash: string) => Promise<AgentRow | null>

interface Asked {
  readonly id: string
  readonly tokenHash: string
  readonly answer: (row: AgentRow | null) => void
  readonly fail: (error: unknown) => void
}

const TOGETHER_MAX = 500

/**
 * Who dials in is looked up together with all who came while the one before was looked up: after a restart every agent comes at
 * once, and whoever floods with wrong tokens is one of many in a query.
 */
export function createKnownAgent(db: Db): KnownAgent {
  const waiting: Asked[] = []
  let asking = false

  const askAll = async () => {
    if (asking) return
    asking = true
    while (waiting.length > 0) {
      const together = waiting.splice(0, TOGETHER_MAX)
      try {
        const rows = await agentsByTokens(db, together)
        for (const { id, tokenHash, answer } of together) answer(rows.get(`${id} ${tokenHash}`) ?? null)
      } catch (error) {
        for (const { fail } of together) fail(error)
      }
    }
    asking = false
  }
  return (id, tokenHash) =>
    new Promise((answer, fail) => {
      waiting.push({ id, tokenHash, answer, fail })
      void askAll()
    })
}
