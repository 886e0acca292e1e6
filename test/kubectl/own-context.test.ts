import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, temporaryHome } from '../support/bothy.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** A kubeconfig may lead to a control plane that keeps objects itself: then everything is asked there. */
test('the plugin works by the kubeconfig of a standalone, as another user of the machine would', async (context) => {
  if (spawnSync('kubectl', ['version', '--client']).status !== 0) {
    if (process.env['CI'] === '1') throw new Error('kubectl is missing: kubernetes.io/docs/tasks/tools')
    return context.skip('kubectl is missing')
  }
  const home = temporaryHome()
  await home.up()
  const kubeconfig = join(home.state, 'kubeconfig')
  expect(existsSync(kubeconfig)).toBe(true)
  const bin = join(temporaryFolder(), 'bin')
  mkdirSync(bin)
  symlinkSync(join(root, 'cli', 'bothy.js'), join(bin, 'kubectl-bothy'))
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: temporaryFolder(), KUBECONFIG: kubeconfig, NO_COLOR: '1' }
  const plugin = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync('kubectl', ['bothy', ...args], { env, encoding: 'utf8' })
    return `${stdout}${stderr}${status === 0 ? '' : `exit ${status}\n`}`
  }
  expect(plugin('wait', 'ws/dev', '--for', 'condition=Running', '--timeout', '180s', '-q')).toBe(
    'workspace/dev: condition Running is True\n',
  )
  expect(plugin('version')).toMatch(/^bothy .*\ncluster: https?:\/\/\S+, context bothy: .*\ncontrol plane: https?:\/\/\S+, context bothy: /)
  expect(plugin('why', 'ws/dev')).toMatch(/^workspace\/dev: /)
  expect(plugin('exec', 'dev', '--', 'echo', 'in')).toBe('in\n')
  const declared =
    'apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: mine}\nspec: {template: {name: hello}, power: Stopped}\n'
  const applied = spawnSync('kubectl', ['bothy', 'apply', '-f', '-'], { env, encoding: 'utf8', input: declared })
  expect([applied.stdout, applied.stderr]).toEqual(['workspace/mine created\n', ''])
})
