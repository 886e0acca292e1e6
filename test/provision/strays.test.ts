import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { bubblewrap } from '../../controller/provision/sandbox.ts'
import { findTerraform, startTerraform } from '../../controller/provision/terraform.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** Somebody (the kernel, out of memory) ends bubblewrap's outer process before it lets the inner one begin. */

/** The moment is some tens of microseconds long: nothing but this loop would meet it. 0: it ended without one. */
function firstChildOf(outer: number): number {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const child = Number(childrenOf(outer))
    if (child !== 0) return child
  }
  return 0
}

const LOOKS_MAX = 200_000

function isWaiting(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'bwrap'
  } catch {
    return false
  }
}

const childrenOf = (pid: number): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()

test('a sandbox that loses its outer process before it has begun ends, and leaves nothing', async () => {
  const folder = join(temporaryFolder(), 'builds', 'one')
  mkdirSync(join(folder, 'tree'), { recursive: true })
  const searchPath = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
  const terraform = await findTerraform(null, searchPath)
  const sandbox = await bubblewrap(terraform, searchPath, { clock: systemClock })
  if (typeof sandbox === 'string') throw new Error(sandbox)
  let unbegun = 0
  for (let i = 0; i < 20; i += 1) {
    const launch = await sandbox.launch({ jobId: `one-${i}`, terraform, folder, socket: null, args: ['version'], env: {} })
    const before = new Set(childrenOf(process.pid).split(' '))
    const running = startTerraform(launch, () => {})
    const [outer = 0] = childrenOf(process.pid)
      .split(' ')
      .filter((pid) => !before.has(pid))
      .map(Number)
    const inner = firstChildOf(outer)
    process.kill(outer, 'SIGKILL')
    if (inner !== 0 && isWaiting(inner)) unbegun += 1
    await running.ended
    await until('the inner process to be gone', async () => inner === 0 || !isThere(inner))
    await sandbox.over(`one-${i}`)
  }
  expect(unbegun).toBeGreaterThan(0)
})

/** One that nobody has asked the end of yet is a zombie: it has ended. */
function isThere(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
