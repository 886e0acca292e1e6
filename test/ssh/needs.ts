import { spawnSync } from 'node:child_process'
import { test } from 'vitest'

/** Skips where a program is not installed, and says how to get it; where everything must be there that is a failure. */
export function needing(...programs: readonly string[]) {
  const missing = programs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
  if (missing.length > 0 && process.env['CI'] !== '1')
    process.stderr.write(`skipped: ${missing.join(', ')} missing (apt-get install openssh-client rsync socat curl python3)\n`)
  return missing.length > 0 && process.env['CI'] !== '1' ? test.skip : test
}
