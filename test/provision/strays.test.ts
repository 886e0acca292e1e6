import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { bubblewrap } from '../../controller/provision/sandbox.ts'
import { findTerraform, startTerraform, type Launch } from '../../controller/provision/terraform.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** Somebody (the kernel, out of memory) ends bubblewrap's outer process before the inner one has begun. */

const childrenOf = (pid: number): string[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)

/** The moment is some tens of microseconds long: the inner one waits in it for what nobody writes. */
function held({ program, args, ...launch }: Launch, fifo: string): Launch {
  execFileSync('mkfifo', [fifo])
  const command = [program, ...args]
  command.splice(command.findIndex((each) => each.endsWith('/bwrap')) + 1, 0, '--block-fd', '4')
  return { ...launch, program: '/bin/sh', args: ['-c', 'exec 4<>"$0"; exec "$@"', fifo, ...command] }
}

test('a sandbox that loses its outer process before it has begun ends, and leaves nothing', async () => {
  const base = temporaryFolder()
  const folder = join(base, 'builds', 'one')
  mkdirSync(join(folder, 'tree'), { recursive: true })
  const searchPath = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
  const terraform = await findTerraform(null, searchPath)
  const sandbox = await bubblewrap(terraform, searchPath, { clock: systemClock })
  if (typeof sandbox === 'string') throw new Error(sandbox)
  const launch = await sandbox.launch({ jobId: 'one', terraform, folder, socket: null, args: ['version'], env: {} })

  const before = new Set(childrenOf(process.pid))
  const running = startTerraform(held(launch, join(base, 'fifo')), () => {})
  const [outer = 0] = childrenOf(process.pid)
    .filter((pid) => !before.has(pid))
    .map(Number)
  const inner = await until('the inner process', () => childrenOf(outer).map(Number)[0])
  process.kill(outer, 'SIGKILL')
  expect(await running.ended).toMatchObject({ code: null, signal: 'SIGKILL' })
  await until('the inner process to be gone', () => !isThere(inner))
  await sandbox.over('one')
})

/** One that nobody has asked the end of yet is a zombie: it has ended. */
function isThere(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
