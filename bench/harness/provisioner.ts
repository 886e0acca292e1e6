import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Db } from '../../controller/store/pool.ts'
import { listProvisioners } from '../../controller/store/provisioners.ts'
import { openKey } from '../../controller/store/sealed.ts'
import { until } from '../../test/support/until.ts'
import type { Place } from './place.ts'
import { collected, environment, exitOf, PROVISIONER } from './programs.ts'

/** A provisioner as a process of its own, and the key that it expects in its state folder. */
export async function startProvisioner(db: Db, place: Place, url: string, capacity: number): Promise<void> {
  const state = join(place.folder, 'state')
  mkdirSync(state, { recursive: true, mode: 0o700 })
  await openKey({ file: join(state, 'key'), env: undefined, db })
  const env = environment(place.folder, { DATABASE_URL: url, BOTHY_CAPACITY: String(capacity) })
  const child = spawn(process.execPath, PROVISIONER, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = collected(child)
  const exited = exitOf(child)
  place.onLeave(() => {
    child.kill('SIGINT')
    return exited
  })
  await until('the provisioner to be ready', async () => child.exitCode !== null || (await listProvisioners(db)).length > 0, {
    limitMs: 30_000,
  })
  if (child.exitCode !== null) throw new Error(`the provisioner ended: ${said.stderr()}`)
}
