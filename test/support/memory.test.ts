import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { CLEARS_AT_USR2, growthFromNow, heldBy } from './memory.ts'

/** Drops 150 MiB, and says so. */
const WASTEFUL = `const waste = () => Array.from({ length: 1500 }, (_, i) => new Array(13_000).fill(i + 0.5)).length
console.log(waste())
setInterval(() => {}, 1_000_000)`

test('a growth counts from what is held once all is cleared away, and not from what could be', async () => {
  const child = spawn(process.execPath, [...CLEARS_AT_USR2, '-e', WASTEFUL], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill())
  await once(child.stdout, 'data')
  const held = heldBy(child.pid ?? 0)
  const before = held.residentMiB()
  await growthFromNow(held)
  expect(before - held.residentMiB()).toBeGreaterThan(100)
})
