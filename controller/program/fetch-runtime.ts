import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, Transient } from '../kernel/errors.ts'
import type { Platform } from './platform.ts'
import { FETCHED, packagesFor, runtimeFor, type RuntimePackage } from './runtime.ts'

/** Gets a platform's runtime as npm gets any package: the version and the digest are the ones of the lock file. */

const FETCH_LIMIT_MS = 300_000
const OUTPUT_BYTES_MAX = 1024 * 1024

const run = promisify(execFile)

/** Does nothing where it is there already. */
export async function fetchRuntime(platform: Platform, say: (line: string) => void): Promise<void> {
  if (runtimeFor(platform)) return
  for (const wanted of packagesFor(platform).toReversed()) {
    say(`fetching ${wanted.name} ${wanted.version} …`)
    await fetchPackage(wanted)
  }
}

async function fetchPackage(wanted: RuntimePackage): Promise<void> {
  await mkdir(FETCHED, { recursive: true })
  const work = await mkdtemp(join(FETCHED, '.fetching-'))
  try {
    await npmPack(wanted, work)
    const archive = (await readdir(work)).find((name) => name.endsWith('.tgz'))
    if (archive === undefined) throw new Transient(`npm fetched nothing for ${wanted.name}`)
    const found = await integrityOf(join(work, archive))
    if (found !== wanted.integrity) throw new Error(`${wanted.name} ${wanted.version} is not what package-lock.json names: ${found}`)
    await run('tar', ['-xzf', archive], { cwd: work, timeout: FETCH_LIMIT_MS })
    const place = join(FETCHED, wanted.name)
    await mkdir(dirname(place), { recursive: true })
    await rm(place, { recursive: true, force: true })
    await rename(join(work, 'package'), place)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function npmPack({ name, version }: RuntimePackage, folder: string): Promise<void> {
  try {
    await run('npm', ['pack', `${name}@${version}`, '--silent', '--ignore-scripts'], {
      cwd: folder,
      timeout: FETCH_LIMIT_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
    })
  } catch (error) {
    throw new Transient(`npm could not fetch ${name} ${version}: ${messageOf(error)}. Can it reach its registry?`)
  }
}

async function integrityOf(file: string): Promise<string> {
  const hash = createHash('sha512')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return `sha512-${hash.digest('base64')}`
}
