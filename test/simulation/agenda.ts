/** What happens when, in order; at the same instant in the order in which it was said. */
export interface Agenda {
  readonly now: number
  at(instant: number, what: () => void): void
  /** Lets everything happen up to an instant. */
  until(instant: number): void
}

interface Entry {
  readonly at: number
  readonly order: number
  readonly what: () => void
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

export function createAgenda(start: number): Agenda {
  const heap: Entry[] = []
  let now = start
  let order = 0

  const rise = (from: number) => {
    for (let i = from; i > 0;) {
      const parent = (i - 1) >> 1
      if (!isBefore(heap[i]!, heap[parent]!)) return
      ;[heap[i], heap[parent]] = [heap[parent]!, heap[i]!]
      i = parent
    }
  }
  const sink = () => {
    for (let i = 0; ;) {
      const [left, right] = [2 * i + 1, 2 * i + 2]
      let least = i
      if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left
      if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right
      if (least === i) return
      ;[heap[i], heap[least]] = [heap[least]!, heap[i]!]
      i = least
    }
  }

  return {
    get now() {
      return now
    },
    at(instant, what) {
      order += 1
      heap.push({ at: Math.max(instant, now), order, what })
      rise(heap.length - 1)
    },
    until(instant) {
      for (let first = heap[0]; first && first.at <= instant; first = heap[0]) {
        const last = heap.pop()!
        if (heap.length > 0) {
          heap[0] = last
          sink()
        }
        now = first.at
        first.what()
      }
      now = instant
    },
  }
}
