import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { contentOf } from '../../crds/files.ts'
import type { Clock } from '../kernel/clock.ts'
import { Stalled } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { newUid, sha256 } from '../kernel/names.ts'
import type { SourceRules } from '../kernel/source-rules.ts'
import type { Db } from '../store/pool.ts'
import { keepProviderLock, providerLockOf } from '../store/provider-locks.ts'
import { fetchInto, stopped, type Fetching, type Making, type Wanted } from './fetch.ts'
import { TREE_FILES } from './folder.ts'
import { takeLock } from './making.ts'
import { isNothing, needsOf } from './needs.ts'
import { closeFolders, removePrepared, type Shared } from './prepared-files.ts'
import { isAtHand, refuseModule, refuseProvider } from './sources.ts'
import { providersInState } from './state-providers.ts'
import { removeAbandoned, sweepPrepared } from './sweep-prepared.ts'
import { createVerifier } from './verify-prepared.ts'

/**
 * Providers and modules of template versions, fetched once on this machine and shared by every build, each in a folder that only
 * ever appears whole: `<state>/prepared/<digest>-<platform>/`.
 */
export interface Shelf {
  /** null: the version needs nothing but what is at hand. Throws `Stalled` for what may not or cannot be fetched. */
  sharedFor(wanted: Wanted): Promise<Shared | null>
  /** Removes what belongs to no kept version, and what dead makers left. */
  sweep(): Promise<void>
}

export interface ShelfOptions extends Fetching {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly stateDir: string
  readonly rules: SourceRules
}

const PLATFORM = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`

export const preparedFolder = (stateDir: string): string => join(stateDir, 'prepared')

export function createShelf(options: ShelfOptions): Shelf {
  const { db, clock, log, rules, stateDir } = options
  const parent = preparedFolder(stateDir)
  const sound = createVerifier(log)
  const get = async (wanted: Wanted, extra: readonly string[]): Promise<Shared> => {
    const { digest, template, stop } = wanted
    // One version may be more than one set of files: a program, and the configuration that it wrote.
    const others = [...(template.digest === digest ? [] : [template.digest]), ...extra]
    const suffix = others.length === 0 ? '' : `-${sha256(others.join('\n')).slice(0, 12)}`
    const name = `${digest.replace(/^sha256:/, '')}-${PLATFORM}${suffix}`
    const shipped = template.files.find(({ path }) => path === TREE_FILES.lock)
    const lock = shipped ? withoutOurs(contentOf(shipped).toString('utf8')) : await providerLockOf(db, digest)
    const exact = extra.length === 0 ? lock : null
    const before = await sound(join(parent, name), exact)
    if (before) return before
    await mkdir(parent, { recursive: true, mode: 0o700 })
    const giveBack = await takeLock(join(parent, `${name}.lock`), clock, stop)
    if (!giveBack) throw stopped(stop)
    try {
      const meanwhile = await sound(join(parent, name), exact)
      if (meanwhile) return meanwhile
      await removeAbandoned(parent, options.sandbox)
      await make(wanted, { name, extra, lock, readonly: exact !== null, shipped: shipped !== undefined })
    } finally {
      await giveBack()
    }
    const made = await sound(join(parent, name), null)
    if (!made) throw new Stalled('ProviderUnavailable', `what was fetched for ${digest} is damaged: see the disk of ${stateDir}`)
    return made
  }
  const make = async (wanted: Wanted, how: Making): Promise<void> => {
    const since = clock.elapsedMs()
    const fetched = await fetchInto(options, parent, wanted, how)
    try {
      const isOurs = !how.shipped && !how.readonly && how.extra.length === 0 && fetched.manifest.lock !== ''
      const lock = isOurs ? await keepProviderLock(db, wanted.digest, fetched.manifest.lock) : fetched.manifest.lock
      // Another provisioner's came first: all builds of a version use the same providers.
      if (lock !== fetched.manifest.lock) return await make(wanted, { ...how, lock, readonly: true })
      await putInPlace(fetched.folder, join(parent, how.name))
    } finally {
      await removePrepared(fetched.making)
    }
    const { providers, modules } = fetched.manifest
    log.info('providers and modules of a version were fetched', {
      digest: wanted.digest,
      providers: providers.map(({ source, version }) => `${source} ${version}`),
      modules: modules.length,
      seconds: (clock.elapsedMs() - since) / 1000,
    })
  }
  const putInPlace = async (from: string, to: string): Promise<void> => {
    const aside = join(parent, `.gone-${newUid()}`)
    await rename(to, aside).catch(() => {})
    await rename(from, to)
    await closeFolders(to)
    await removePrepared(aside)
  }
  return {
    async sharedFor(wanted) {
      const needs = needsOf(wanted.read)
      for (const { source, at } of needs.providers) refuseProvider(rules, source, at)
      for (const { source, at } of needs.remoteModules) refuseModule(rules, source, at)
      const own = isNothing(needs) ? null : await get(wanted, [])
      const there = new Set(own?.manifest.providers.map(({ source }) => source))
      const extra = providersInState(wanted.state).filter((address) => !isAtHand(address) && !there.has(address))
      for (const address of extra) refuseProvider(rules, address, 'the state of this workspace')
      return extra.length === 0 ? own : get(wanted, extra.toSorted())
    },
    sweep: () => sweepPrepared(options, parent),
  }
}

/** What a template ships may name the providers that are served here: no init sees those, so it would call the lock wrong. */
const withoutOurs = (lock: string): string =>
  lock.replace(/^provider "([^"\n]+)" \{\n[^}]*^\}\n?/gm, (block, source: string) => (isAtHand(source) ? '' : block))
