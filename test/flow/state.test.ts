import { spawn } from 'node:child_process'
import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { holderOf, openState } from '../../controller/state.ts'
import { root } from '../support/bothy.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** Takes the folder of its first argument, says whether it got it, and stays. */
const TAKER = `
import { openState } from ${JSON.stringify(join(root, 'controller/state.ts'))}
try { openState(process.argv[1]); console.log('has it') } catch (error) { console.log(error.message) }
setInterval(() => {}, 1000)`

const taker = (dir: string) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', TAKER, dir])
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (data: Buffer) => (said += data.toString()))
  return { said: () => said, kill: () => child.kill('SIGKILL'), gone: new Promise((resolve) => child.on('exit', resolve)) }
}

test('of several that start at once over the lock of a dead one, one gets the folder, and the others name it', async () => {
  const dir = join(temporaryFolder(), 'state')
  const first = taker(dir)
  await until('the first', () => first.said() !== '')
  first.kill()
  await first.gone
  expect(holderOf(dir)).toBe(null)
  const several = Array.from({ length: 6 }, () => taker(dir))
  await until('all of them', () => several.every(({ said }) => said() !== ''))
  const texts = several.map(({ said }) => said().trim())
  expect(texts.filter((text) => text === 'has it').length).toBe(1)
  expect(texts.filter((text) => text !== 'has it').every((text) => /^another bothy is (up|starting) on /.test(text))).toBe(true)
  expect(readdirSync(dir).filter((name) => name.startsWith('bothy.lock'))).toEqual(['bothy.lock'])
})

test('what is secret in it is nobody else’s to read, also where a file was left open to all', () => {
  const dir = join(temporaryFolder(), 'state')
  const state = openState(dir)
  state.announce('http://127.0.0.1:1')
  const mode = (name: string) => (statSync(join(dir, name)).mode & 0o777).toString(8)
  expect(['', 'token', 'bothy.lock', 'url', 'machines', 'workspaces', 'builds'].map(mode)).toEqual([
    '700',
    '600',
    '600',
    '600',
    '700',
    '700',
    '700',
  ])
  state.release()
  chmodSync(join(dir, 'token'), 0o644)
  const again = openState(dir)
  expect([again.token, mode('token')]).toEqual([state.token, '600'])
  again.release()
  expect(holderOf(dir)).toBe(null)
})
