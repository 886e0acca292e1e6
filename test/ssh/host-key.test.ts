import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hostKeyOf } from '../../controller/connect/host-key.ts'
import { root } from '../support/bothy.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { needing } from './needs.ts'

const derive = (secret: string) => (purpose: string) => createHash('sha256').update(`${secret}/${purpose}`).digest()

test('the same workspace, agent and state have the same key, and nobody else has it', () => {
  const key = hostKeyOf(derive('a'), 'uid-1', 'main')
  expect(hostKeyOf(derive('a'), 'uid-1', 'main')).toEqual(key)
  const others = [hostKeyOf(derive('a'), 'uid-2', 'main'), hostKeyOf(derive('a'), 'uid-1', 'db'), hostKeyOf(derive('b'), 'uid-1', 'main')]
  expect(new Set([key, ...others].map(({ publicKey }) => publicKey)).size).toBe(4)
})

needing('ssh-keygen')('OpenSSH reads the key as its own', () => {
  for (let i = 0; i < 20; i += 1) {
    const { privateKey, publicKey } = hostKeyOf(derive('a'), `uid-${i}`, 'main')
    const file = join(temporaryFolder(), 'key')
    writeFileSync(file, privateKey, { mode: 0o600 })
    expect(execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' }).trim()).toBe(publicKey)
  }
})

test('the ciphers of ssh run in C++, as the installation built them', () => {
  // In a process of its own, as the agent is: a thread that comes second cannot load it.
  const script = `process.stdout.write(String(require('ssh2/lib/protocol/crypto.js').bindingAvailable))`
  expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', cwd: root })).toBe('true')
})
