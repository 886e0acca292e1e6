import { expect, test } from 'vitest'
import { createBatches } from '../../controller/kernel/batches.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Batches that are done when the test says so. */
function world(options: { most?: number; keyOf?: (item: string) => string } = {}) {
  const done: { readonly items: readonly string[]; end(error?: Error): void }[] = []
  const batches = createBatches<string, string>({
    most: options.most ?? 10,
    ...(options.keyOf ? { keyOf: options.keyOf } : {}),
    isUnsure: (error) => error instanceof TypeError,
    work: (items) =>
      new Promise((resolve, reject) => {
        done.push({ items, end: (error) => (error ? reject(error) : resolve(items.map((item) => item.toUpperCase()))) })
      }),
  })
  return { batches, done }
}

test('who asks alone waits for nobody; who asks meanwhile is done together', async () => {
  const { batches, done } = world({ most: 2 })
  const a = batches.ask('a')
  const rest = ['b', 'c', 'd'].map((item) => batches.ask(item))
  expect(done.map(({ items }) => items)).toEqual([['a']])
  done[0]?.end()
  expect(await a).toBe('A')
  await turn()
  done[1]?.end()
  await turn()
  done[2]?.end()
  expect(await Promise.all(rest)).toEqual(['B', 'C', 'D'])
  expect(done.map(({ items }) => items)).toEqual([['a'], ['b', 'c'], ['d']])
})

test('two of one key are done one after the other, in the order in which they were asked', async () => {
  const { batches, done } = world({ keyOf: (item) => item[0] ?? '' })
  const all = ['x', 'a1', 'a2', 'b1', 'a3'].map((item) => batches.ask(item))
  for (let i = 0; i < 4; i += 1) {
    done[i]?.end()
    await turn()
  }
  expect(await Promise.all(all)).toEqual(['X', 'A1', 'A2', 'B1', 'A3'])
  expect(done.map(({ items }) => items)).toEqual([['x'], ['a1', 'b1'], ['a2'], ['a3']])
})

test('nobody fails by what another asked', async () => {
  const { batches, done } = world()
  const first = batches.ask('first')
  const all = ['good', 'bad', 'fine'].map((item) => batches.ask(item).catch((error: Error) => error.message))
  done[0]?.end()
  await first
  await turn()
  done[1]?.end(new Error('one of them'))
  for (const [i, error] of [undefined, new Error('this one'), undefined].entries()) {
    await turn()
    done[2 + i]?.end(error)
  }
  expect(await Promise.all(all)).toEqual(['GOOD', 'this one', 'FINE'])
  expect(done.slice(2).map(({ items }) => items)).toEqual([['good'], ['bad'], ['fine']])
})

test('what nobody is sure of is not done again', async () => {
  const { batches, done } = world()
  const all = ['first', 'a', 'b'].map((item) => batches.ask(item).catch((error: Error) => error.message))
  done[0]?.end()
  await turn()
  done[1]?.end(new TypeError('the connection broke'))
  expect(await Promise.all(all)).toEqual(['FIRST', 'the connection broke', 'the connection broke'])
  await turn()
  expect(done).toHaveLength(2)
  const next = batches.ask('next')
  done[2]?.end()
  expect(await next).toBe('NEXT')
})
