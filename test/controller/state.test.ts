import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../../controller/config.ts'
import { temporaryHome } from '../support/bothy.ts'

/** A machine where somebody has used `bothy up` is one where they try a cluster next. */

test('a controller and a standalone keep what they know in folders of their own, unless somebody names one', () => {
  const env = { XDG_STATE_HOME: '/s' }
  expect(readConfig({}, env).stateDir).toBe('/s/bothy')
  expect(readConfig({ usualState: 'bothy-controller' }, env).stateDir).toBe('/s/bothy-controller')
  expect(readConfig({ usualState: 'bothy-controller' }, { ...env, BOTHY_STATE: '/mine' }).stateDir).toBe('/mine')
})

test('a controller leaves the folder of a standalone as it is', async () => {
  const home = temporaryHome()
  mkdirSync(home.state)
  writeFileSync(join(home.state, 'kubeconfig'), '')
  const { code, stderr } = await home.run(['controller', '--with-provisioner'])
  expect(stderr).toContain(`${home.state} is the state folder of a bothy up: give the controller one of its own by --state`)
  expect(code).toBe(2)
  expect(readdirSync(home.state)).toEqual(['kubeconfig'])
})
