const KEYS_MAX = 500

/**
 * Many looks at once ask one question: keys asked for in the same turn of the loop are loaded together. Nothing is kept
 * after the answer, so a look never decides on what was read before it began.
 */
export function batched<Key, Value>(load: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>): (key: Key) => Promise<Value | null> {
  let gathering: { readonly keys: Set<Key>; readonly answer: Promise<ReadonlyMap<Key, Value>> } | null = null

  const begin = (): NonNullable<typeof gathering> => {
    const keys = new Set<Key>()
    const answer = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      if (gathering?.keys === keys) gathering = null
      return load([...keys])
    })
    return { keys, answer }
  }

  return async (key) => {
    if (!gathering || gathering.keys.size >= KEYS_MAX) gathering = begin()
    gathering.keys.add(key)
    return (await gathering.answer).get(key) ?? null
  }
}
