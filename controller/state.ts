import { chmodSync, existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Misconfigured, Refused } from './kernel/errors.ts'
import { makeFolder } from './kernel/folders.ts'
import { isSame, startOf } from './kernel/pids.ts'

/** The state folder of a standalone: what is in it, and that only one control plane works on it. */
export interface StateFolder {
  readonly dir: string
  readonly keyFile: string
  readonly tokenFile: string
  readonly urlFile: string
  readonly logFile: string
  readonly kubeconfigFile: string
  /** The bearer token of the API; made once. */
  readonly token: string
  /** Tells others where this control plane answers. */
  announce(url: string): void
  release(): void
}

export interface Holder {
  readonly pid: number
  readonly start: string
  readonly url: string
}

const lockFile = (dir: string): string => join(dir, 'bothy.lock')

/** Who works on this state folder now; null when nobody does, whatever a dead process left behind. */
export const holderOf = (dir: string): Holder | null => holderIn(lockFile(dir))

function holderIn(file: string): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as Partial<Holder>
    const { pid, start, url } = holder
    return typeof pid === 'number' && typeof start === 'string' && isSame(pid, start) ? { pid, start, url: url ?? '' } : null
  } catch {
    return null
  }
}

export function openState(dir: string): StateFolder {
  makePrivate(dir)
  for (const each of ['machines', 'workspaces', 'builds']) makePrivate(join(dir, each))
  takeLock(dir)
  return {
    dir,
    keyFile: join(dir, 'key'),
    tokenFile: join(dir, 'token'),
    urlFile: join(dir, 'url'),
    logFile: join(dir, 'bothy.log'),
    kubeconfigFile: join(dir, 'kubeconfig'),
    token: tokenIn(join(dir, 'token')),
    announce(url) {
      writeHolder(dir, url)
      writeWhole(join(dir, 'url'), `${url}\n`)
    },
    release() {
      if (holderOf(dir)?.pid === process.pid) rmSync(lockFile(dir), { force: true })
    },
  }
}

/** For whoever asked that everything be brought down, and waits for the end of this process. */
export const noteLeft = (dir: string, lines: readonly string[]): void => writeWhole(join(dir, 'left'), lines.join('\n'))

/** What the one that was asked to bring everything down has left; empty: nothing. */
export function takeLeft(dir: string): readonly string[] {
  try {
    const lines = readFileSync(join(dir, 'left'), 'utf8').split('\n')
    rmSync(join(dir, 'left'), { force: true })
    return lines.filter((line) => line !== '')
  } catch {
    return []
  }
}

function makePrivate(dir: string): void {
  try {
    makeFolder(dir)
  } catch (error) {
    throw new Refused(
      'BadRequest',
      `the state folder ${dir} cannot be made: ${error instanceof Error ? error.message : String(error)}; choose another with --state`,
    )
  }
}

/**
 * A lock is made whole and linked into its place, which only one can do. One that a dead holder left is first moved away, and
 * looked at again there: between two looks it may have become somebody's.
 */
function takeLock(dir: string): void {
  for (let tries = 0; tries < 5; tries += 1) {
    const holder = holderOf(dir)
    if (holder) {
      throw new Refused(
        'Conflict',
        `another bothy is up on ${dir}: pid ${holder.pid}${holder.url ? `, at ${holder.url}` : ''}. End it, or give this one its own --state and --port`,
      )
    }
    removeDeadLock(dir)
    const own = lockBeside(dir)
    writeFileSync(own, ownMark(''), { mode: 0o600 })
    try {
      linkSync(own, lockFile(dir))
      return
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    } finally {
      rmSync(own, { force: true })
    }
  }
  throw new Refused('Conflict', `another bothy is starting on ${dir} at this moment`)
}

function removeDeadLock(dir: string): void {
  const aside = `${lockBeside(dir)}.dead`
  try {
    renameSync(lockFile(dir), aside)
    if (holderIn(aside)) linkSync(aside, lockFile(dir))
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EEXIST')) throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

const lockBeside = (dir: string): string => `${lockFile(dir)}.${process.pid}`

const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code))

const ownMark = (url: string): string => JSON.stringify({ pid: process.pid, start: startOf(process.pid), url })

const writeHolder = (dir: string, url: string): void => writeWhole(lockFile(dir), ownMark(url))

/** Readers see the old text or the new one, never half of it. */
export function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** The bearer token in this file; made when there is none yet. */
export function tokenIn(file: string): string {
  if (existsSync(file)) {
    const token = readFileSync(file, 'utf8').trim()
    if (token.length < 32) throw new Misconfigured(`${file} holds no token: remove it and a new one is made`)
    chmodSync(file, 0o600)
    return token
  }
  const token = randomBytes(32).toString('base64url')
  writeWhole(file, `${token}\n`)
  return token
}
