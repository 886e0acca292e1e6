import { expect, test } from 'vitest'
import { withPlane } from '../kubectl/plane.ts'

/** Lists of what was: test/differential asks for them while somebody pages. Here nobody does, and nothing is kept. */

const WRITER = { manager: 'test', user: 'ada' }

const plane = await withPlane()

interface Answer {
  readonly code: number
  readonly body: {
    readonly metadata: { readonly resourceVersion?: string; readonly continue?: string }
    readonly message?: string
    readonly items?: readonly { readonly metadata: { readonly name: string } }[]
  }
}

async function listed(query: Readonly<Record<string, string>>): Promise<Answer> {
  const url = new URL('/api/v1/namespaces/default/configmaps', plane.url.replace('https:', 'http:'))
  url.search = String(new URLSearchParams({ labelSelector: 'of=this', ...query }))
  const answer = await fetch(url, { headers: { authorization: `Bearer ${plane.token}` } })
  return { code: answer.status, body: (await answer.json()) as Answer['body'] }
}

const make = (name: string) =>
  plane.cluster.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name, labels: { of: 'this' } } }, WRITER)

const namesOf = ({ body }: Answer) => body.items?.map(({ metadata }) => metadata.name)

/** As kube-apiserver 1.35 says it once etcd has no such version any more. */
const TOO_OLD = {
  code: 410,
  body: {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'The resourceVersion for the provided list is too old.',
    reason: 'Expired',
    code: 410,
  },
}

test('what nobody kept is not answered with what is there now', async () => {
  for (const name of ['a', 'b', 'c']) await make(name)
  const resourceVersion = (await listed({})).body.metadata.resourceVersion ?? ''
  const exactly = { resourceVersion, resourceVersionMatch: 'Exact' }
  expect(namesOf(await listed(exactly))).toEqual(['a', 'b', 'c'])

  await make('bb')
  expect(await listed(exactly)).toEqual(TOO_OLD)
  expect(await listed({ ...exactly, limit: '1' })).toEqual(TOO_OLD)
  expect(await listed({ resourceVersion, limit: '1' })).toEqual(TOO_OLD)
  // Whoever wants no older state has the present one.
  expect(namesOf(await listed({ resourceVersion }))).toEqual(['a', 'b', 'bb', 'c'])
  expect(namesOf(await listed({ resourceVersion, resourceVersionMatch: 'NotOlderThan', limit: '1' }))).toEqual(['a'])
})

test('the pages of one version are of that version, and it can be asked for meanwhile', async () => {
  const newest = (await listed({})).body.metadata.resourceVersion ?? ''
  const exactly = { resourceVersion: newest, resourceVersionMatch: 'Exact' }
  const first = await listed({ ...exactly, limit: '3' })
  await make('ba')
  const rest = await listed({ limit: '3', continue: first.body.metadata.continue ?? '' })
  expect([namesOf(first), namesOf(rest)]).toEqual([['a', 'b', 'bb'], ['c']])
  expect(rest.body.metadata.resourceVersion).toBe(newest)
  expect(namesOf(await listed(exactly))).toEqual(['a', 'b', 'bb', 'c'])
  expect(namesOf(await listed({}))).toEqual(['a', 'b', 'ba', 'bb', 'c'])
})

test.for(['9007199254740993', '9223372036854775807', '9999999999999999999'])(
  'a version of many digits, %s, is one that is not there yet',
  async (resourceVersion) => {
    for (const more of [{}, { limit: '1' }, { resourceVersionMatch: 'Exact' }])
      expect(await listed({ resourceVersion, ...more })).toMatchObject({
        code: 504,
        body: { message: expect.stringContaining(`Too large resource version: ${resourceVersion}, current: `) },
      })
  },
)
