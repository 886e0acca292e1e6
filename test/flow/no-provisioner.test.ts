import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { COMPILED } from '../support/compiled.ts'
import { root, temporaryHome, type Home } from '../support/bothy.ts'
import { becomes, declare, reasonsOf, running, scheduleIn, seen } from './sleepers.ts'

test(
  'without a provisioner a schedule queues nothing and says so; when one returns it starts exactly once',
  { timeout: 300_000 },
  async () => {
    const home = temporaryHome()
    const template = '  provisioner: {labels: {size: large}}\n  schedule: {ttl: 0s}\n'
    declare(home, template, { dev: '' })
    await home.up()
    let provisioner = startProvisioner(home)
    await becomes(home, 'dev', 'running', running, 60_000)
    expect((await home.run(['stop', 'dev'])).code).toBe(0)
    await provisioner.end()
    const schedule = scheduleIn(15_000)
    declare(home, template, { dev: `  schedule: {autostart: "${schedule}"}\n` })
    const waiting = await becomes(
      home,
      'dev',
      'waiting for a provisioner',
      ({ status }) => status.conditions.some(({ reason, message }) => reason === 'NoProvisioner' && message.includes('size=large')),
      100_000,
    )
    expect(waiting.status.build).toMatchObject({ number: 2, transition: 'Stop' })
    expect(await reasonsOf(home, 'dev')).toContain('NoProvisioner')
    provisioner = startProvisioner(home)
    const started = await becomes(home, 'dev', 'running', running, 40_000)
    expect(started.status.build).toMatchObject({ number: 3, transition: 'Start', reason: 'Autostart' })
    expect((await seen(home, 'dev')).status.build.number).toBe(3)
    await provisioner.end()
  },
)

/** Another provisioner than the one of the control plane, with a label that only it has. */
function startProvisioner(home: Home): { end(): Promise<unknown> } {
  const own = home.processes().find(({ command }) => /controller\/main\.ts provisioner/.test(command))
  const environment = readFileSync(`/proc/${own?.pid}/environ`, 'utf8').split('\0')
  const inherited = Object.fromEntries(
    environment
      .filter((pair) => /^(PATH|HOME|DATABASE_URL|BOTHY_STATE|BOTHY_ACCESS_URL)=/.test(pair))
      .map((pair) => [pair.split('=')[0], pair.slice(pair.indexOf('=') + 1)]),
  )
  const child = spawn(process.execPath, [join(root, 'cli', 'main.ts'), 'provisioner'], {
    env: { ...inherited, BOTHY_LABELS: 'size=large', ...COMPILED },
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    end() {
      child.kill('SIGTERM')
      return ended
    },
  }
}
