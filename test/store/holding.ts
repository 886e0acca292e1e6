import type { Db } from '../../controller/store/pool.ts'

/** The database, whose next answer to such a query is kept back until it is let go. */
export function holding(db: Db, isSuch: (sql: string) => boolean) {
  let held: PromiseWithResolvers<void> | null = null
  let next = false
  const holds: Db = {
    ...db,
    async query<Row>(...asked: Parameters<Db['query']>) {
      const rows = await db.query<Row>(...asked)
      if (!next || !isSuch(String(asked[0]))) return rows
      next = false
      held = Promise.withResolvers()
      await held.promise
      return rows
    },
  }
  return {
    holds,
    hold: () => void (next = true),
    isHeld: () => held !== null,
    async letGo() {
      held?.resolve()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}
