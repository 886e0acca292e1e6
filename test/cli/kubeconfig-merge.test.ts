import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { mergedKubeconfig } from '../../cli/kubeconfig-merge.ts'
import { kubeconfigText } from '../../controller/kubeconfig.ts'

/** What is added to somebody's kubeconfig, and that nothing else of it changes. */

const own = kubeconfigText({ server: 'https://127.0.0.1:7080', ca: 'PEM', token: 'secret' })

const THEIRS = `# mine, do not touch
apiVersion: v1
kind: Config
preferences: {colors: true}   # yes
clusters:
  - cluster:
      server: https://prod.example   # production
    name: prod

  # the last one
  - name: "dev"
    cluster: {server: "https://dev.example"}
contexts:
- context:
    cluster: prod
    user: me
  name: prod
users:
- name: me
  user:
    exec:
      command: login
      args: [a, 'b c']
current-context: prod
`

/** Every line of theirs is still there, in its order. */
function expectKept(theirs: string, merged: string): void {
  let from = 0
  for (const line of theirs.split('\n').filter((each) => each.trim() !== '')) {
    const at = merged.indexOf(line, from)
    expect([line, at >= from]).toEqual([line, true])
    from = at + line.length
  }
}

const names = (text: string, list: string): string[] =>
  (parse(text) as Record<string, { name: string }[]>)[list]?.map(({ name }) => name) ?? []

test('entries of ours come behind theirs, and every line of theirs stays', () => {
  const merged = mergedKubeconfig(THEIRS, own)
  expectKept(THEIRS, merged)
  expect(names(merged, 'clusters')).toEqual(['prod', 'dev', 'bothy'])
  expect(names(merged, 'users')).toEqual(['me', 'bothy'])
  expect(parse(merged)).toMatchObject({ 'current-context': 'prod', users: [{ name: 'me' }, { user: { token: 'secret' } }] })
  expect(merged).toContain('\n  - name: "bothy"\n    cluster:\n      server: "https://127.0.0.1:7080"\n')
})

test('a second time changes nothing, and a new token only that', () => {
  const once = mergedKubeconfig(THEIRS, own)
  expect(mergedKubeconfig(once, own)).toBe(once)
  const renewed = mergedKubeconfig(once, kubeconfigText({ server: 'https://127.0.0.1:7080', ca: 'PEM', token: 'other' }))
  expect(renewed).toBe(once.replace('"secret"', '"other"'))
})

test.each([
  ['nothing', ''],
  ['a comment', '# nothing yet\n'],
  ['empty lists', 'apiVersion: v1\nkind: Config\nclusters: []\nusers: null\ncontexts:\ncurrent-context: ""\n'],
  ['empty lists with comments', 'clusters: [] # none\nusers: # none\ncontexts: null # none\ncurrent-context: # none\n'],
  ['lists in brackets', 'clusters: [{name: a, cluster: {server: x}}]\nusers: [ {name: b, user: {}} ]\ncontexts: []\n'],
  ['no end of the last line', 'kind: Config\nusers:\n- name: b\n  user: {}'],
  ['an entry of ours in the middle', 'users:\n- name: bothy\n  user: {token: old}   # ours\n- name: c\n  user: {}\n'],
  ['text in blocks', 'users:\n- name: b\n  user:\n    password: |\n      two\n      lines\n\n# end\n'],
  ['JSON', '{"apiVersion": "v1", "clusters": [{"name": "a", "cluster": {}}], "users": []}'],
  ['Windows', 'apiVersion: v1\r\nclusters:\r\n- name: a\r\n  cluster: {}\r\n'],
])('%s becomes what it was and ours', (_what, theirs) => {
  const merged = mergedKubeconfig(theirs, own)
  const before = (parse(theirs) ?? {}) as Record<string, { name: string }[] | null>
  for (const list of ['clusters', 'users', 'contexts']) {
    const had = (before[list] ?? []).map(({ name }) => name)
    expect(names(merged, list)).toEqual(had.includes('bothy') ? had : [...had, 'bothy'])
  }
  expect(parse(merged)).toMatchObject({ 'current-context': 'bothy', apiVersion: 'v1', kind: 'Config' })
  expect(mergedKubeconfig(merged, own)).toBe(merged)
  for (const comment of theirs.matchAll(/# \w+/g)) if (!comment[0].includes('ours')) expect(merged).toContain(comment[0])
})

test.each([
  ['a list', '- a\n'],
  ['no YAML', 'a: [\n'],
  ['a text', 'hello'],
  ['an anchor that ours would change', 'clusters: &all\n- name: a\n  cluster: {}\nothers: *all\n'],
])('%s is left as it is', (_what, theirs) => {
  expect(() => mergedKubeconfig(theirs, own)).toThrow()
})
