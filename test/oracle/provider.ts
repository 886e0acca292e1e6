import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../support/until.ts'

/**
 * The provider that the table is measured against, built from its sources once and kept outside of the clone. What is
 * answered is a filesystem mirror: terraform installs it from there as from a registry.
 */

export const ORACLE_VERSION = '2.19.0'
const MODULE = 'github.com/coder/terraform-provider-coder/v2'
const HOSTS = ['registry.terraform.io', 'registry.opentofu.org']
const BUILD_LIMIT_MS = 400_000

const call = promisify(execFile)

export type Oracle = { readonly mirror: string } | { readonly missing: string }

const PLATFORM = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`
const programIn = (mirror: string, host: string) =>
  join(mirror, host, 'coder', 'coder', ORACLE_VERSION, PLATFORM, `terraform-provider-coder_v${ORACLE_VERSION}`)

/** With CI=1 a missing component is a failure; elsewhere the tests are skipped and say why. */
export async function oracle(): Promise<Oracle> {
  const found = await buildOnce()
  if ('missing' in found && process.env['CI'] === '1') throw new Error(found.missing)
  return found
}

async function buildOnce(): Promise<Oracle> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bothy-test')
  const mirror = join(cache, `coder-provider-${ORACLE_VERSION}`)
  if (HOSTS.every((host) => existsSync(programIn(mirror, host)))) return { mirror }
  const go = await call('go', ['env', 'GOPROXY']).catch(() => null)
  if (!go) return { missing: `go is not installed: it builds ${MODULE}@v${ORACLE_VERSION}, which our provider is compared with` }
  await mkdir(cache, { recursive: true })
  const lock = join(cache, `coder-provider-${ORACLE_VERSION}.lock`)
  // Two test files may want it at once, and one build keeps every core busy.
  if (!(await taken(lock))) {
    await until('another build of the reference provider', () => existsSync(mirror) || !existsSync(lock), {
      limitMs: BUILD_LIMIT_MS,
      everyMs: 250,
    })
    return buildOnce()
  }
  try {
    return await build(cache, mirror, go.stdout.trim())
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

async function taken(lock: string): Promise<boolean> {
  try {
    await mkdir(lock)
    return true
  } catch {
    const since = await stat(lock).catch(() => null)
    if (since && Date.now() - since.mtimeMs > BUILD_LIMIT_MS) await rm(lock, { recursive: true, force: true })
    return false
  }
}

async function build(cache: string, mirror: string, proxies: string): Promise<Oracle> {
  const work = await mkdtemp(join(cache, 'build-'))
  try {
    // Without `direct` a module that the proxy does not have is an error at once, and no source host is asked.
    const proxy = proxies
      .split(/[,|]/)
      .filter((each) => each !== 'direct')
      .join(',')
    const built = await call('go', ['install', `${MODULE}@v${ORACLE_VERSION}`], {
      cwd: work,
      timeout: BUILD_LIMIT_MS,
      env: { ...process.env, GOFLAGS: '-mod=mod', GOPROXY: proxy, GOBIN: join(work, 'bin') },
    }).catch((error: Error) => error)
    if (built instanceof Error) return { missing: `${MODULE}@v${ORACLE_VERSION} could not be built: ${built.message}` }
    const [first = '', ...others] = HOSTS.map((host) => programIn(join(work, 'mirror'), host))
    await mkdir(join(first, '..'), { recursive: true })
    await rename(join(work, 'bin', 'terraform-provider-coder'), first)
    for (const other of others) {
      await mkdir(join(other, '..'), { recursive: true })
      await call('ln', [first, other])
    }
    await rename(join(work, 'mirror'), mirror)
    return { mirror }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
