/**
 * Work that costs little more for many than for one: what is asked while some is being done waits, and is done next, all of it
 * at once. Who asks alone waits for nobody.
 */
export interface Batches<Item, Answer> {
  ask(item: Item): Promise<Answer>
}

export interface BatchOptions<Item, Answer> {
  readonly most: number
  /** Two that tell the same here are not done at once, but in the order in which they were asked. */
  readonly keyOf?: (item: Item) => string
  /** An answer for each, in the same order. All or nothing: what throws has changed nothing, unless `isUnsure` says otherwise. */
  readonly work: (items: readonly Item[]) => Promise<readonly Answer[]>
  /** After such an error nobody knows what became of it, or another try is no better: it is everybody's. After others each is tried alone. */
  readonly isUnsure: (error: unknown) => boolean
}

interface Asked<Item, Answer> {
  readonly item: Item
  readonly told: PromiseWithResolvers<Answer>
}

export function createBatches<Item, Answer>({ most, keyOf, work, isUnsure }: BatchOptions<Item, Answer>): Batches<Item, Answer> {
  let waiting: Asked<Item, Answer>[] = []
  let working = false

  const next = (): Asked<Item, Answer>[] => {
    const taken: Asked<Item, Answer>[] = []
    const left: Asked<Item, Answer>[] = []
    const keys = new Set<string>()
    for (const each of waiting) {
      const key = keyOf?.(each.item)
      const goes = taken.length < most && (key === undefined || !keys.has(key))
      if (key !== undefined) keys.add(key)
      ;(goes ? taken : left).push(each)
    }
    waiting = left
    return taken
  }

  const done = async (asked: readonly Asked<Item, Answer>[]): Promise<void> => {
    try {
      const answers = await work(asked.map(({ item }) => item))
      for (const [i, { told }] of asked.entries()) told.resolve(answers[i] as Answer)
    } catch (error) {
      if (asked.length === 1 || isUnsure(error)) for (const { told } of asked) told.reject(error)
      else for (const each of asked) await done([each])
    }
  }

  const workOn = async (): Promise<void> => {
    working = true
    while (waiting.length > 0) await done(next())
    working = false
  }

  return {
    ask(item) {
      const told = Promise.withResolvers<Answer>()
      waiting.push({ item, told })
      if (!working) void workOn()
      return told.promise
    },
  }
}
