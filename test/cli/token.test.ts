import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryHome } from '../support/bothy.ts'
import { until } from '../support/until.ts'

/** Tokens and the kubeconfig as people have them: commands against a `bothy up`. */

test('a token is made, used, listed and revoked, and a kubeconfig merged on request alone', async () => {
  const home = temporaryHome()
  const up = await home.up()
  await until('the folder to be read', () => up.output().includes('objects in'))
  const url = readFileSync(join(home.state, 'url'), 'utf8').trim()

  const made = await home.run(['token', 'create', 'ci', '--only', 'default'])
  const token = made.stdout.trim()
  expect([made.code, token]).toEqual([0, expect.stringMatching(/^bothy_[\w-]{43}$/)])
  expect(made.stderr).toContain('this is the only time that it is shown')
  const withToken = (...args: string[]) => home.run([...args, '--url', url, '--token', token])
  expect((await withToken('get', 'workspaces')).stdout).toContain('dev')
  const refused = await withToken('stop', 'dev')
  expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('token:ci')])
  expect((await withToken('token', 'list')).code).toBe(4)
  const { items } = await home.json<{ items: readonly { name: string; scope: string }[] }>('token', 'list')
  expect(items).toMatchObject([{ name: 'ci', scope: 'read', namespaces: ['default'], usedAt: expect.any(String) }])
  expect((await home.run(['token', 'list'])).stdout).toMatch(/^NAME +SCOPE +ONLY IN +ENDS +LAST USED\nci +read +default +\d{4}-/)
  expect((await home.run(['token', 'create', 'ci'])).code).toBe(4)
  expect((await home.run(['token', 'revoke', 'ci'])).code).toBe(0)
  expect((await withToken('get', 'workspaces')).code).not.toBe(0)
  expect((await home.run(['token', 'revoke', 'ci'])).code).toBe(3)
  for (const wrong of [
    ['token', 'create'],
    ['token', 'sing'],
    ['token', 'create', 'x', '--scope', 'all'],
    ['token', 'create', 'x', '--expires', 'soon'],
  ])
    expect([wrong, (await home.run(wrong)).code]).toEqual([wrong, 2])

  const own = join(home.state, 'kubeconfig')
  const theirs = join(dirname(home.state), '.kube', 'config')
  expect(existsSync(theirs)).toBe(false)
  expect((await home.run(['kubeconfig'])).stdout).toBe(`export KUBECONFIG=${own}\n`)
  const before = '# mine\nusers:\n- name: me\n  user: {}\ncurrent-context: other\n'
  mkdirSync(dirname(theirs))
  writeFileSync(theirs, before, { mode: 0o640 })
  expect((await home.run(['kubeconfig', '--merge'])).code).toBe(0)
  const merged = readFileSync(theirs, 'utf8')
  expect(merged.startsWith('# mine\nusers:\n- name: me\n  user: {}\n- name: "bothy"\n')).toBe(true)
  expect([statSync(theirs).mode & 0o777, readFileSync(`${theirs}.before-bothy`, 'utf8')]).toEqual([0o640, before])
  writeFileSync(`${theirs}.lock`, '')
  expect((await home.run(['kubeconfig', '--merge'])).code).toBe(4)
  expect(readFileSync(theirs, 'utf8')).toBe(merged)
})
