import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryHome } from '../support/bothy.ts'
import { until } from '../support/until.ts'
import { becomes, declare, reasonsOf, running, scheduleIn, stopped } from './sleepers.ts'

/** Workspaces that sleep and wake by themselves, with nothing pretended: minutes are minutes. */

test(
  'stopped by its ttl, kept awake by use, warned, woken by a request, and by its schedule; a suspended owner is cut off',
  { timeout: 240_000 },
  async () => {
    const home = temporaryHome()
    const main = join(home.folder, 'hello', 'main.tf')
    const script = `  shutdown_script = "echo said goodbye > $HOME/goodbye.txt"\n`
    writeFileSync(main, readFileSync(main, 'utf8').replace('  startup_script', `${script}\n  startup_script`))
    const template = '  schedule: {ttl: 1m, activityBump: 40s}\n'
    const asleep = '  schedule: {ttl: 0s}\n'
    declare(home, template, { dev: '', morning: asleep })
    await home.up()
    const [dev] = await Promise.all([
      becomes(home, 'dev', 'running', running, 60_000),
      becomes(home, 'morning', 'running', running, 60_000),
    ])
    expect((await home.run(['stop', 'morning'])).code).toBe(0)
    const schedule = scheduleIn(20_000)
    declare(home, template, { dev: '', morning: `  schedule: {ttl: 0s, autostart: "${schedule}"}\n` })

    // Warned at once, since half an hour is longer than it has; then use moves what was said.
    const first = Date.parse(dev.status.build.finishedAt ?? '') + 60_000
    expect(Date.parse(dev.status.schedule?.['deadline'] ?? '')).toBe(first)
    await until('a warning', async () => (await reasonsOf(home, 'dev')).includes('StopsSoon'))
    const { changes } = await home.json<{ changes: { wants: string; reason: string }[] }>('simulate', 'workspace/dev', '--until', '+2d')
    expect(changes.map(({ wants, reason }) => `${wants} ${reason}`)).toEqual(['stopped Deadline'])
    await until('the deadline to be near', () => Date.now() > first - 25_000, { limitMs: 60_000 })
    expect((await home.run(['exec', 'dev', '--', 'sleep', '4'])).code).toBe(0)
    const used = await becomes(home, 'dev', 'kept awake', ({ status }) => Date.parse(status.schedule?.['deadline'] ?? '') > first, 45_000)
    expect(used.status.activity?.sources).toEqual([expect.objectContaining({ kind: 'Process', by: 'ada' })])
    expect(JSON.stringify(await home.json('why', 'workspace/dev'))).toMatch(/Process/)

    const woken = await becomes(home, 'morning', 'started by its schedule', running, 100_000)
    expect(woken.status.build).toMatchObject({ number: 3, transition: 'Start', reason: 'Autostart' })

    const asleepAgain = await becomes(home, 'dev', 'stopped', stopped, 120_000)
    expect(asleepAgain.status.build).toMatchObject({ number: 2, transition: 'Stop', reason: 'Deadline' })
    expect(Date.parse(asleepAgain.status.build.finishedAt ?? '')).toBeGreaterThan(first)
    expect(await reasonsOf(home, 'dev')).toEqual(expect.arrayContaining(['StopsSoon', 'Stopped']))
    const goodbye = join(home.state, 'workspaces', dev.metadata.uid, 'home', 'goodbye.txt')
    expect(existsSync(goodbye)).toBe(true)

    const start = await home.run(['start', 'dev'])
    expect(start).toMatchObject({ code: 0, stdout: 'workspace/dev is running\n' })
    expect((await home.run(['get', 'workspaces'])).stdout).toMatch(/dev .* Deadline/)
    const held = await home.run(['hold', 'dev', '--for', '1h', '--reason', 'a demonstration'])
    expect(held.code).toBe(0)
    expect((await home.run(['why', 'workspace/dev'])).stdout).toMatch(/a demonstration/)

    const session = home.run(['exec', 'dev', '--', 'sh', '-c', 'echo in > $HOME/in.txt; sleep 1000'])
    await until('the session to be in', () => existsSync(join(goodbye, '..', 'in.txt')))
    writeFileSync(
      join(home.folder, 'owner.yaml'),
      'apiVersion: bothy.dev/v1alpha1\nkind: Owner\nmetadata: {name: ada}\nspec: {suspended: true}\n',
    )
    const cut = await session
    expect(cut).toMatchObject({ code: 4, stderr: expect.stringContaining('suspended') })
    const suspended = await becomes(home, 'dev', 'stopped', stopped, 40_000)
    expect(suspended.status.build).toMatchObject({ transition: 'Stop', reason: 'Suspended' })
    expect(await home.run(['start', 'dev'])).toMatchObject({ code: 4 })
    expect(await home.run(['exec', 'dev', '--', 'true'])).toMatchObject({ code: 4 })
  },
)
