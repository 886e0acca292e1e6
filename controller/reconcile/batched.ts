import { createBatches } from '../kernel/batches.ts'

const KEYS_MAX = 500

/**
 * Many looks ask one question: what is asked for while an answer is under way is loaded next, together. Nothing is kept after
 * the answer, so a look never decides on what was read before it began.
 */
export function batched<Key, Value>(load: (keys: readonly Key[]) => Promise<(key: Key) => Value>): (key: Key) => Promise<Value> {
  const batches = createBatches<Key, Value>({
    most: KEYS_MAX,
    async work(keys) {
      const answer = await load([...new Set(keys)])
      return keys.map(answer)
    },
    // To ask for each alone would be to ask a database in trouble as often as there are looks.
    isUnsure: () => true,
  })
  return batches.ask
}
