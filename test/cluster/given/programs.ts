import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Programs } from '../programs.ts'

/**
 * The programs that somebody has already, in the folder that KUBEBUILDER_ASSETS names: `setup-envtest` fills one. A controller
 * manager beside them is used; without one the tests skip that need what it does.
 */

const call = promisify(execFile)
const SUPERVISOR = join(import.meta.dirname, 'supervisor.ts')

/** The oldest that we are for, and the etcd that came with it. */
const OLDEST = [
  { program: 'kube-apiserver', version: [1, 30] },
  { program: 'etcd', version: [3, 5] },
] as const

export async function givenPrograms(named: string): Promise<Programs> {
  const folder = resolve(named)
  for (const { program, version } of OLDEST) {
    const wrong = await wrongAbout(folder, program, version)
    if (wrong !== null) return { missing: `KUBEBUILDER_ASSETS is ${named}: ${wrong}` }
  }
  const manager = join(folder, 'kube-controller-manager')
  return {
    apiserver: [process.execPath, SUPERVISOR, '-assets', folder],
    manager: isProgram(manager) ? manager : null,
    node: null,
  }
}

async function wrongAbout(folder: string, program: string, [major, minor]: readonly [number, number]): Promise<string | null> {
  const file = join(folder, program)
  if (!isProgram(file)) return `it has no program ${program}: fill it (setup-envtest use), or unset it to have one built`
  const said = await call(file, ['--version'], { timeout: 30_000 }).then(
    ({ stdout }) => stdout,
    () => '',
  )
  const found = /v?(?<major>\d+)\.(?<minor>\d+)\.\d+/.exec(said)
  if (!found?.groups) return `${program} --version says no version`
  const [its, lesser] = [Number(found.groups['major']), Number(found.groups['minor'])]
  const isOld = its < major || (its === major && lesser < minor)
  return isOld ? `its ${program} is ${found[0]}, and ${major}.${minor} is the oldest that will do` : null
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
