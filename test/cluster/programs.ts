import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { locked } from '../../controller/machines/lock.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { Transient } from '../../controller/kernel/errors.ts'
import { givenPrograms } from './given/programs.ts'

/**
 * The programs of the test cluster, built from `go/` once and kept outside of the clone by the digest of all that goes into
 * them. Minutes when nothing is cached, milliseconds ever after. Or those that KUBEBUILDER_ASSETS names.
 */
export interface ClusterPrograms {
  /** The command of kube-apiserver with its etcd. */
  readonly apiserver: readonly string[]
  /** What removes namespaces and garbage and makes service accounts; null: nothing does. */
  readonly manager: string | null
  /** Controller manager, scheduler, kubelet, proxy, and a DNS of Services, by their names as first argument; null: not among those given. */
  readonly node: string | null
}

const SOURCES = join(import.meta.dirname, 'go')
const KUBERNETES = 'v1.35.4'
/** No DWARF in any package and no collections of garbage: a fifth less work. GOGC is for the compiler alone. */
const FLAGS = [
  '-trimpath',
  '-gcflags=all=-dwarf=false',
  // Otherwise the server says that it is of no version, on which clients choke.
  `-ldflags=-s -w -X k8s.io/component-base/version.gitVersion=${KUBERNETES}`,
]
const ENVIRONMENT = { CGO_ENABLED: '0', GOGC: 'off', GOTOOLCHAIN: 'local', GOFLAGS: '' }
const BUILD_LIMIT_MS = 20 * 60_000
const OTHERS_KEPT_MS = 14 * 24 * 3600_000

const call = promisify(execFile)

export const cacheFolder = (): string => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bothy-test')

export type Programs = ClusterPrograms | { readonly missing: string }

export async function clusterPrograms(): Promise<Programs> {
  const given = process.env['KUBEBUILDER_ASSETS']
  if (given) return givenPrograms(given)
  const version = await call('go', ['env', 'GOVERSION', 'GOOS', 'GOARCH']).catch(() => null)
  if (!version) return { missing: 'go is not installed: it builds the API server of the test cluster (go.dev/dl, 1.25 or newer)' }
  const cache = cacheFolder()
  const folder = join(cache, `cluster-${await digest(version.stdout)}`)
  const node = join(folder, 'node')
  const programs = { apiserver: [join(folder, 'apiserver')], manager: node, node }
  if (existsSync(folder)) {
    await touch(folder)
    return programs
  }
  await mkdir(cache, { recursive: true })
  return alone(`${folder}.lock`, async () => {
    if (existsSync(folder)) return programs
    const failed = await build(cache, folder)
    if (failed === null) await removeOld(cache)
    return failed === null ? programs : { missing: failed }
  })
}

/** Whoever builds may take minutes, and then there is nothing left to build. */
export async function alone<T>(file: string, work: () => Promise<T>): Promise<T> {
  const deadline = systemClock.elapsedMs() + BUILD_LIMIT_MS
  for (;;) {
    let started = false
    try {
      return await locked(file, systemClock, () => {
        started = true
        return work()
      })
    } catch (error) {
      if (started || !(error instanceof Transient) || systemClock.elapsedMs() > deadline) throw error
    }
  }
}

async function digest(goVersion: string): Promise<string> {
  const hash = createHash('sha256')
    .update(goVersion)
    .update(JSON.stringify([FLAGS, ENVIRONMENT]))
  for (const name of (await readdir(SOURCES, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted())
    hash.update(`\0${name.slice(SOURCES.length)}\0`).update(await readFile(name))
  return hash.digest('hex').slice(0, 16)
}

/** From a copy: an edit in the middle of a build would spoil it at its very end. */
async function build(cache: string, folder: string): Promise<string | null> {
  const work = await mkdtemp(join(cache, 'building-cluster-'))
  try {
    await cp(SOURCES, join(work, 'go'), { recursive: true })
    await mkdir(join(work, 'out'))
    process.stderr.write('building the API server of the test cluster from its source, once: that takes minutes …\n')
    await call('go', ['build', ...FLAGS, '-o', join(work, 'out/'), './apiserver', './node'], {
      cwd: join(work, 'go'),
      timeout: BUILD_LIMIT_MS,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, ...ENVIRONMENT },
    })
    await rename(join(work, 'out'), folder)
    return null
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    return `the API server of the test cluster could not be built: ${said.slice(-2000)}`
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const touch = (folder: string): Promise<void> => utimes(folder, new Date(systemClock.now()), new Date(systemClock.now()))

/** Those of other versions are 200 MB each. */
async function removeOld(cache: string): Promise<void> {
  for (const name of (await readdir(cache)).filter((each) => /^(cluster-[0-9a-f]{16}|building-cluster-.*)$/.test(each))) {
    const known = await stat(join(cache, name)).catch(() => null)
    if (known && systemClock.now() - known.mtimeMs > OTHERS_KEPT_MS) await rm(join(cache, name), { recursive: true, force: true })
  }
}
