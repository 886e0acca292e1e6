import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** A user namespace has its own limit of file watches, so the real error can be had without harm to anybody else. */
const LIMIT = 'echo 4 > /proc/sys/user/max_inotify_watches'
const canLimit = spawnSync('unshare', ['-Ur', 'sh', '-c', LIMIT]).status === 0

test.skipIf(!canLimit)('a system without watches left is polled instead, and says so', async () => {
  const folder = temporaryFolder()
  for (let i = 0; i < 10; i += 1) mkdirSync(join(folder, `folder-${i}`))
  const program = join(import.meta.dirname, 'watch-program.ts')
  const child = spawn('unshare', ['-Ur', 'sh', '-c', `${LIMIT}; exec "$0" "$@"`, process.execPath, program, folder])
  const ended = new Promise((resolve) => child.on('close', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (output += data.toString()))
  await until('the change to be heard', () => output.includes('heard, polling'))
  expect(output).toMatch(
    /^The system has no more file watches to give \(ENOSPC: .*\): .* is looked at every second instead\.\nheard, polling\n$/,
  )
})
