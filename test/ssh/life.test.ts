import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { temporaryHome } from '../support/bothy.ts'
import { until } from '../support/until.ts'
import { becomesRunning, enteredWorkspace, environmentOf, PATIENCE_MS } from './entered.ts'
import { needing } from './needs.ts'

/** What becomes of ssh when what lies between is stopped, rebuilt, killed, and started again. */

needing('ssh')('a stopped workspace is started, a rebuilt one keeps its key, and what is wrong is one line', async () => {
  const { home, ssh } = await enteredWorkspace()
  expect(await ssh('dev.bothy', 'exit 3')).toEqual({ code: 3, stdout: '', stderr: '' })
  expect(await home.run(['ssh', 'dev', '--', 'echo', 'through', 'bothy'])).toEqual({ code: 0, stdout: 'through bothy\n', stderr: '' })
  expect((await home.run(['ssh', 'dev.main', '-o', 'SetEnv=A=1', '--', 'echo $A; exit 4'])).code).toBe(4)

  const known = () =>
    readFileSync(join(home.state, 'ssh', 'known_hosts'), 'utf8')
      .split('\n')
      .find((line) => line.startsWith('dev.bothy '))
  const before = known()
  expect(before).toMatch(/^dev\.bothy ssh-ed25519 /)
  expect((await home.run(['stop', 'dev'])).code).toBe(0)
  const refused = await home.run(['ssh', '--no-start', 'dev', '--', 'true'])
  expect({ code: refused.code, line: refused.stderr.split('\n')[0] }).toEqual({
    code: 255,
    line: 'bothy: workspace dev is stopped; start it: bothy start dev',
  })
  const started = await ssh('dev.bothy', 'echo awake')
  expect(started).toEqual({ code: 0, stdout: 'awake\n', stderr: expect.stringMatching(/starting dev/) })
  expect(known()).toBe(before)

  for (const [host, line] of [
    ['nobody.bothy', /^bothy: there is no workspace\/nobody; namespace default; bothy get workspaces -A lists what there is$/m],
    ['other.dev.bothy', /^bothy: workspace dev has no agent other; it has main$/m],
    ['a.b.c.d.bothy', /^bothy: "a\.b\.c\.d\.bothy" names no workspace; /m],
  ] as const) {
    const { code, stderr } = await ssh(host, 'true')
    expect({ host, code }).toEqual({ host, code: 255 })
    expect(stderr).toMatch(line)
  }
})

needing('ssh')('a control plane that is killed ends sessions with a sentence, and whoever comes again at once is let in', async () => {
  const { home, up, config, ssh } = await enteredWorkspace()
  const child = spawn('ssh', ['-F', config, 'dev.bothy', 'echo in; exec sleep 1000'], { env: environmentOf(home) })
  onTestFinished(() => void child.kill())
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  const ended = new Promise((resolve) => child.on('close', resolve))
  await until('it to be in', () => stdout === 'in\n')
  await up.end('SIGKILL')
  expect(await ended).toBe(255)
  expect(stderr).toMatch(
    /^bothy: the connection to dev was lost: the control plane or the workspace was restarted; connect again to go on/m,
  )
  // Before there is one again: it waits for it, though maybe not as long as a machine that does much else takes to start it.
  const next = home.up()
  const askedAt = systemClock.elapsedMs()
  const again = ssh('dev.bothy', 'echo back').then((ran) => ({ ...ran, tookMs: systemClock.elapsedMs() - askedAt }))
  await next
  const { tookMs, ...ran } = await again
  const back = { code: 0, stdout: 'back\n', stderr: expect.stringMatching(/^$|trying for some seconds/) }
  if (tookMs < PATIENCE_MS) expect(ran).toEqual(back)
  expect(await ssh('dev.bothy', 'echo back')).toEqual(back)
  await becomesRunning(home)
})

test('where no ssh is installed it is said how to get one', async () => {
  const { code, stderr } = await temporaryHome({ PATH: '/nonexistent' }).run(['ssh', 'dev'])
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^bothy: no ssh is installed.*\n.*\n  to do:  install OpenSSH: apt-get/),
  })
})
