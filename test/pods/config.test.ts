import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../../controller/config.ts'
import { temporaryFolder } from '../support/temporary.ts'

const pods = (env: Readonly<Record<string, string>>) =>
  readConfig({}, { HOME: '/home/ada', BOTHY_POD_NAMESPACE: 'workspaces', ...env }).pods

test('an authority is certificates in PEM, and what else stands around them is left out', () => {
  const folder = temporaryFolder()
  const fresh = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=authority'
  execFileSync('openssl', fresh.split(' '), { cwd: folder, stdio: 'ignore' })
  const [authority, key] = ['ca.crt', 'ca.key'].map((name) => readFileSync(join(folder, name), 'utf8'))
  expect(pods({ BOTHY_POD_CA: `# ours\n${authority}\n${authority}` })?.authority).toBe(`${authority}${authority}`)
  expect(pods({})?.authority).toBeNull()
  expect(pods({ BOTHY_POD_CA: '' })?.authority).toBeNull()
  const cut = authority?.replace(/\n.{20}/, '\n') ?? ''
  for (const bad of ['/etc/ca.crt', key ?? '', cut]) {
    expect(() => pods({ BOTHY_POD_CA: bad })).toThrow('BOTHY_POD_CA must be a certificate in PEM, or several')
    expect(() => pods({ BOTHY_POD_CA: bad })).not.toThrow(bad.trim())
  }
})

test('logins of registries are names of Secrets', () => {
  expect([pods({})?.pullSecrets, pods({ BOTHY_POD_PULL_SECRETS: 'one, two' })?.pullSecrets]).toEqual([[], ['one', 'two']])
})
