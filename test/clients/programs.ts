import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from '../cluster/programs.ts'

/**
 * What others read us with, as programs that the test can run: client libraries of Kubernetes (`go/`, `python/`) and the judges
 * of GitOps tools (`health/`). Made once and kept outside of the clone by the digest of what they are made from.
 */
export type ClientProgram = { readonly command: readonly string[] } | { readonly missing: string }

const LIMIT_MS = 15 * 60_000
const call = promisify(execFile)

/** With CI=1 a missing component is a failure; elsewhere the tests are skipped and say why. */
export async function clientProgram(name: 'go' | 'health' | 'python'): Promise<ClientProgram> {
  const found = await (name === 'python' ? pythonClient() : goClient(name))
  if ('missing' in found && process.env['CI'] === '1') throw new Error(found.missing)
  return found
}

async function goClient(name: 'go' | 'health'): Promise<ClientProgram> {
  const version = await call('go', ['env', 'GOVERSION', 'GOOS', 'GOARCH']).catch(() => null)
  if (!version) return { missing: 'go is not installed: it builds what others read us with (go.dev/dl, 1.25 or newer)' }
  const made = await keptOnce(name, version.stdout, async (folder) => {
    const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly' }
    await call('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', 'client', '.'], { cwd: folder, env, timeout: LIMIT_MS })
  })
  return 'missing' in made ? made : { command: [join(made.folder, 'client')] }
}

/** Installed beside the program, so that neither a virtual environment nor the system's own packages play a part. */
async function pythonClient(): Promise<ClientProgram> {
  const version = await call('python3', ['-c', 'import sys, platform, pip; print(sys.version, platform.machine())']).catch(() => null)
  if (!version)
    return { missing: 'python3 with pip is not installed: it runs a client of Kubernetes that is not kubectl (apt install python3-pip)' }
  const made = await keptOnce('python', version.stdout, async (folder) => {
    const install = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', 'packages', '-r', 'requirements.txt']
    await call('python3', install, { cwd: folder, timeout: LIMIT_MS })
  })
  return 'missing' in made
    ? made
    : { command: ['env', `PYTHONPATH=${join(made.folder, 'packages')}`, 'python3', '-B', join(made.folder, 'client.py')] }
}

/** Made in a folder beside its place, and moved there whole: whoever comes second finds it, or makes the same. */
async function keptOnce(
  name: string,
  version: string,
  make: (folder: string) => Promise<void>,
): Promise<{ readonly folder: string } | { readonly missing: string }> {
  const sources = join(import.meta.dirname, name)
  const folder = join(cacheFolder(), `client-${name}-${await digest(sources, version)}`)
  if (existsSync(folder)) return { folder }
  await mkdir(cacheFolder(), { recursive: true })
  const work = await mkdtemp(join(cacheFolder(), `building-client-${name}-`))
  try {
    await cp(sources, work, { recursive: true })
    await make(work)
    await rename(work, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error
    })
    return { folder }
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    return { missing: `test/clients/${name} could not be made: ${said.slice(-2000)}` }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function digest(folder: string, version: string): Promise<string> {
  const hash = createHash('sha256').update(version)
  for (const name of (await readdir(folder)).toSorted()) hash.update(`\0${name}\0`).update(await readFile(join(folder, name)))
  return hash.digest('hex').slice(0, 16)
}
