import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../support/until.ts'

/** Helm itself, built from its sources once and kept outside of the clone: what it renders is compared with the manifests. */

export const HELM_VERSION = '3.20.2'
const PACKAGE = 'helm.sh/helm/v3/cmd/helm'
const BUILD_LIMIT_MS = 900_000

const call = promisify(execFile)

export type Helm = { readonly program: string } | { readonly missing: string }

const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bothy-test')
const kept = join(cache, `helm-${HELM_VERSION}`)
const lock = `${kept}.lock`

/** With CI=1 a missing component is a failure; elsewhere the tests are skipped and say why. */
export async function helm(): Promise<Helm> {
  const found = await buildOnce()
  if ('missing' in found && process.env['CI'] === '1') throw new Error(found.missing)
  return found
}

async function buildOnce(): Promise<Helm> {
  if (existsSync(kept)) return { program: kept }
  const go = await call('go', ['env', 'GOPROXY']).catch(() => null)
  if (!go) return { missing: `go is not installed: it builds ${PACKAGE}@v${HELM_VERSION}, which renders the chart` }
  await mkdir(cache, { recursive: true })
  // Two test files may want it at once, and one build keeps every core busy.
  if (!(await taken())) {
    await until('another build of helm', () => existsSync(kept) || !existsSync(lock), { limitMs: BUILD_LIMIT_MS, everyMs: 250 })
    return buildOnce()
  }
  try {
    return await build(go.stdout.trim())
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

async function taken(): Promise<boolean> {
  try {
    await mkdir(lock)
    return true
  } catch {
    const since = await stat(lock).catch(() => null)
    if (since && Date.now() - since.mtimeMs > BUILD_LIMIT_MS) await rm(lock, { recursive: true, force: true })
    return false
  }
}

async function build(proxies: string): Promise<Helm> {
  const work = await mkdtemp(join(cache, 'build-'))
  try {
    // Without `direct` a module that the proxy does not have is an error at once, and no source host is asked.
    const proxy = proxies
      .split(/[,|]/)
      .filter((each) => each !== 'direct')
      .join(',')
    const built = await call('go', ['install', '-trimpath', '-ldflags=-s -w', '-gcflags=all=-dwarf=false', `${PACKAGE}@v${HELM_VERSION}`], {
      cwd: work,
      timeout: BUILD_LIMIT_MS,
      env: { ...process.env, CGO_ENABLED: '0', GOGC: 'off', GOFLAGS: '-mod=mod', GOPROXY: proxy, GOBIN: join(work, 'bin') },
    }).catch((error: Error) => error)
    if (built instanceof Error) return { missing: `${PACKAGE}@v${HELM_VERSION} could not be built: ${built.message}` }
    await rename(join(work, 'bin', 'helm'), kept)
    return { program: kept }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
