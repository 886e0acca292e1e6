import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { kubeconfigText } from '../../controller/kubeconfig.ts'
import { temporaryHome } from '../support/bothy.ts'

test('every text that a merge replaces is kept, with its mode, and none is written over', async () => {
  const home = temporaryHome()
  const folder = join(dirname(home.state), '.kube')
  const theirs = join(folder, 'config')
  const before = '# mine\nusers:\n- name: me\n  user: {}\ncurrent-context: other\n'
  mkdirSync(home.state)
  mkdirSync(folder)
  writeFileSync(theirs, before)
  chmodSync(theirs, 0o640)
  const merge = async (token: string) => {
    writeFileSync(join(home.state, 'kubeconfig'), kubeconfigText({ server: 'https://127.0.0.1:7080', ca: null, token }))
    const { code, stderr } = await home.run(['kubeconfig', '--merge'])
    return { code, stderr, now: readFileSync(theirs, 'utf8') }
  }
  const kept = (...numbers: readonly string[]) =>
    numbers.map((number) => `what it was before is in ${theirs}.before-bothy${number}\n`).join('')

  const first = await merge('one')
  const again = await merge('one')
  const second = await merge('two')
  const third = await merge('three')
  expect([first, again, second, third].map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, kept('')],
    [0, ''],
    [0, kept('.2')],
    [0, kept('.3')],
  ])
  expect(
    readdirSync(folder)
      .toSorted()
      .map((name) => [name, statSync(join(folder, name)).mode & 0o777, readFileSync(join(folder, name), 'utf8')]),
  ).toEqual([
    ['config', 0o640, third.now],
    ['config.before-bothy', 0o640, before],
    ['config.before-bothy.2', 0o640, first.now],
    ['config.before-bothy.3', 0o640, second.now],
  ])
})

test('the kubeconfig that is named is the one that is added to', async () => {
  const home = temporaryHome()
  mkdirSync(home.state)
  const own = kubeconfigText({ server: 'https://127.0.0.1:7080', ca: null, token: 'one' })
  writeFileSync(join(home.state, 'kubeconfig'), own)
  const file = join(dirname(home.state), 'mine', 'config')
  const { code, stdout } = await home.run(['kubeconfig', '--merge', '--kubeconfig', file])
  expect([code, stdout]).toEqual([0, `${file} has the context bothy now: kubectl --context bothy get workspaces\n`])
  expect(readFileSync(file, 'utf8')).toContain('name: "bothy"')
  expect(existsSync(join(dirname(home.state), '.kube'))).toBe(false)
})
