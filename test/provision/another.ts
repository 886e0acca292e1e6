import { spawn, type ChildProcess } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { KEY, type World } from './world.ts'

interface Another {
  readonly world: World
  readonly url: string
  readonly how: 'slow' | 'fast' | 'hasty'
  readonly user?: number
}

/** A provisioner in a process of its own, ready; it ends with the test. */
export async function another({ world, url, how, user }: Another): Promise<ChildProcess> {
  const child = spawn(process.execPath, [`${import.meta.dirname}/crashing-provisioner.ts`, url, world.stateDir, KEY, how], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  })
  onTestFinished(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    if (child.kill('SIGKILL')) await gone
  })
  await new Promise((resolve, reject) => {
    child.stdout?.once('data', resolve)
    child.once('exit', (code) => reject(new Error(`the provisioner ended with ${code}`)))
  })
  return child
}
