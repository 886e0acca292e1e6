import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { temporaryHome, type Home, type Up } from '../support/bothy.ts'
import { until } from '../support/until.ts'

/** A build that takes a while, and needs nothing: without the sandbox terraform may run a shell. */
const SLOW = `
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "sleep 6"
  }
}
`

const slowHome = (): Home => {
  const home = temporaryHome({ BOTHY_ISOLATION: 'none' })
  rmSync(home.folder, { recursive: true })
  mkdirSync(join(home.folder, 'slow'), { recursive: true })
  writeFileSync(join(home.folder, 'slow', 'main.tf'), SLOW)
  writeFileSync(
    join(home.folder, 'all.yaml'),
    [
      'apiVersion: bothy.dev/v1alpha1\nkind: Template\nmetadata: {name: slow}\nspec:\n  source: {type: Folder, folder: {path: ./slow}}\n',
      'apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: dev}\nspec:\n  template: {name: slow}\n',
    ].join('---\n'),
  )
  return home
}

const own = (home: Home) => home.processes().filter(({ command }) => !/terraform|sleep 6/.test(command))

async function upInTheMiddleOfABuild(home: Home): Promise<Up> {
  const up = await home.up()
  await until('the slow command to run', () => home.processes().some(({ command }) => command.includes('sleep 6')))
  return up
}

/** Two signals close together are one wish. */
async function anotherWish(up: Up): Promise<void> {
  const startedAt = systemClock.elapsedMs()
  await until('a wish of its own', () => systemClock.elapsedMs() - startedAt > 350)
  process.kill(up.pid, 'SIGINT')
}

const newestBuild = async (home: Home) => {
  const { status } = await home.json<{ status: { build: { phase: string; number: number } } }>('get', 'workspace', 'dev')
  return status.build
}

test('Ctrl-C during a build says so and finishes it', async () => {
  const home = slowHome()
  const up = await upInTheMiddleOfABuild(home)
  expect(await up.end('SIGINT')).toBe(0)
  expect(up.output()).toMatch(/finishing a build \(dev\)/)
  expect(home.processes()).toEqual([])
  await home.up()
  // What became of it may have been written by nobody yet.
  const first = await until('what became of it', async () => {
    const build = await newestBuild(home)
    return build.phase === 'Running' ? null : build
  })
  expect(first).toMatchObject({ number: 1, phase: 'Succeeded' })
})

test('a second Ctrl-C cancels the build, and its state is kept', async () => {
  const home = slowHome()
  const up = await upInTheMiddleOfABuild(home)
  process.kill(up.pid, 'SIGINT')
  await until('the first to be understood', () => /finishing a build/.test(up.output()))
  await anotherWish(up)
  await until('the end', () => up.exited() !== null)
  expect(up.exited()).toBe(0)
  expect(up.output()).toMatch(/canceling/)
  expect(home.processes()).toEqual([])
})

test('a third Ctrl-C goes at once, and leaves nothing of its own', async () => {
  const home = slowHome()
  const up = await upInTheMiddleOfABuild(home)
  // One that hears nothing for a while, so that the second wish does not end it all.
  const provisioner = home.processes().find(({ command }) => /main\.ts provisioner/.test(command))
  process.kill(provisioner?.pid ?? 0, 'SIGSTOP')
  process.kill(up.pid, 'SIGINT')
  await until('the first to be understood', () => /finishing a build/.test(up.output()))
  await anotherWish(up)
  await until('the second to be understood', () => /canceling/.test(up.output()))
  await anotherWish(up)
  await until('the end', () => up.exited() !== null)
  expect(up.exited()).toBe(130)
  process.kill(provisioner?.pid ?? 0, 'SIGCONT')
  await until('nothing of its own', () => own(home).length === 0)
  // What was interrupted is told apart at the next start, and tried again.
  const again = await home.up()
  await until('a build that succeeds', async () => (await newestBuild(home)).phase === 'Succeeded', { limitMs: 110_000, everyMs: 250 })
  expect(await again.end()).toBe(0)
})
