import { expect, test } from 'vitest'
import { temporaryHome } from '../support/bothy.ts'
import { until } from '../support/until.ts'

const NO_TERRAFORM = { BOTHY_TERRAFORM: '/nowhere/terraform' }

test('without terraform it says so at once, and goes on looking after what it can', async () => {
  const home = temporaryHome(NO_TERRAFORM)
  const up = await home.up()
  await until('the sentence', () => /nothing can be built: .*\/nowhere\/terraform.*BOTHY_TERRAFORM/.test(up.output()))
  expect((await home.run(['get', 'workspaces'])).code).toBe(0)
  expect(await up.end()).toBe(0)
})

test('up --once ends when nothing can be built', async () => {
  const home = temporaryHome(NO_TERRAFORM)
  const { code, stderr } = await home.run(['up', home.folder, '--port', '0', '--once'])
  expect(`${code} ${stderr}`).toMatch(/^2 .*nothing can be built/)
  expect(home.processes()).toEqual([])
})

test('a state folder that cannot be made is an error at once', async () => {
  const home = temporaryHome()
  const { code, stderr } = await home.run(['up', home.folder, '--port', '0', '--state', '/proc/none'])
  expect(`${code} ${stderr}`).toMatch(/^2 .*\/proc\/none cannot be made/)
})
