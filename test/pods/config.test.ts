import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../../controller/config.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { jsonLog } from '../../controller/kernel/log.ts'
import { podAuthority } from '../../controller/pod-authority.ts'
import { temporaryFolder } from '../support/temporary.ts'

const pods = (env: Readonly<Record<string, string>>) =>
  readConfig({}, { HOME: '/home/ada', BOTHY_POD_NAMESPACE: 'workspaces', ...env }).pods

/** The longest string that Linux lets a process have in its environment. */
const VARIABLE_BYTES_MAX = 131_072

test('an authority is a file of certificates in PEM, however many, and what else stands around them is left out', () => {
  const folder = temporaryFolder()
  const fresh = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=authority'
  execFileSync('openssl', fresh.split(' '), { cwd: folder, stdio: 'ignore' })
  const [authority = '', key = ''] = ['ca.crt', 'ca.key'].map((name) => readFileSync(join(folder, name), 'utf8'))
  const file = join(folder, 'given.crt')
  const said: string[] = []
  const read = (text: string) => (writeFileSync(file, text), podAuthority(file, log(said)))
  expect(read(`# ours\n${authority}\n${authority}`)).toBe(`${authority}${authority}`)
  const many = authority.repeat(Math.ceil(VARIABLE_BYTES_MAX / authority.length) + 1)
  expect(read(many)).toBe(many)
  expect(read('')).toBeNull()
  for (const bad of ['/etc/ca.crt', key, authority.replace(/\n.{20}/, '\n')]) {
    expect(() => read(bad)).toThrow(`BOTHY_POD_CA_FILE=${file}: must be a certificate in PEM, or several`)
    expect(() => read(bad)).not.toThrow(bad.trim())
  }
  expect(() => podAuthority(folder, log(said))).toThrow(/BOTHY_POD_CA_FILE cannot be read: EISDIR/)
  expect(said).toEqual([])
})

test('no file of an authority is none, and is said', () => {
  const file = join(temporaryFolder(), 'ca.crt')
  const said: string[] = []
  expect([podAuthority(null, log(said)), said]).toEqual([null, []])
  expect([podAuthority(file, log(said)), said]).toEqual([null, [expect.stringContaining(file)]])
})

const log = (said: string[]) => jsonLog(systemClock, 'info', (line) => void said.push(line), {})

test('where the authority is, is an absolute path', () => {
  expect([pods({})?.authorityFile, pods({ BOTHY_POD_CA_FILE: '/etc/ca.crt' })?.authorityFile]).toEqual([null, '/etc/ca.crt'])
  expect(() => pods({ BOTHY_POD_CA_FILE: 'ca.crt' })).toThrow('BOTHY_POD_CA_FILE=ca.crt: must be an absolute path')
})

test('logins of registries are names of Secrets', () => {
  expect([pods({})?.pullSecrets, pods({ BOTHY_POD_PULL_SECRETS: 'one, two' })?.pullSecrets]).toEqual([[], ['one', 'two']])
})
