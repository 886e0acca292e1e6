import { lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { isAbsolute, join, posix } from 'node:path'
import type { NormalisedTemplate } from '../../crds/files.ts'
import { within, type Clock } from '../kernel/clock.ts'
import { Stalled } from '../kernel/errors.ts'
import type { SourceRules } from '../kernel/source-rules.ts'
import { tooMuchIn, watchLimits, type BuildLimits } from './build-limits.ts'
import { fetchingConfig } from './cli-config.ts'
import { environmentOf } from './environment.ts'
import { fetchProblem } from './fetch-problem.ts'
import { makeFolder, ownFile, TREE_FILES } from './folder.ts'
import { makingFolder } from './making.ts'
import { needsOf } from './needs.ts'
import { MODULES, settleFiles, writeManifest, type Manifest, type ModuleSeen } from './prepared-files.ts'
import { TREE, type Sandbox } from './sandbox.ts'
import type { Shown } from './world.ts'
import { isAtHand, kindOfModule, refuseModule, refuseProvider } from './sources.ts'
import type { Read } from './template-blocks.ts'
import { startTerraform, type Terraform } from './terraform.ts'

/** What `terraform init` is run with: nobody's credentials, only ways to the world. */
export interface Fetching {
  readonly clock: Clock
  readonly terraform: Terraform
  readonly sandbox: Sandbox
  readonly backendRecord: string
  readonly rules: SourceRules
  readonly ways: Readonly<Record<string, string>>
  readonly buildLimits: BuildLimits
}

export interface Wanted {
  /** Of the version. */
  readonly digest: string
  readonly template: NormalisedTemplate
  readonly read: Read
  /** What is in the state needs its provider too, even when the template no longer names it. */
  readonly state: Buffer | null
  readonly stop: AbortSignal
  readonly say: (text: string) => void
}

export interface Making {
  readonly name: string
  /** Addresses of providers that the state needs besides. */
  readonly extra: readonly string[]
  readonly lock: string | null
  /** The lock says exactly which. */
  readonly readonly: boolean
  readonly shipped: boolean
}

export interface Fetched {
  /** Everything of this try: to be removed. */
  readonly making: string
  /** Ready to be put in place. */
  readonly folder: string
  readonly manifest: Manifest
}

/** Tells whoever finds a half-made folder which terraform may still write there. */
export const PROCESS_FILE = 'process.json'
const FETCH_LIMIT_MS = 10 * 60_000

/** One `terraform init`, in the sandbox, with the network when anything is to come from there. */
export async function fetchInto(tools: Fetching, parent: string, wanted: Wanted, how: Making): Promise<Fetched> {
  const making = await makingFolder(parent)
  try {
    const work = join(making, 'work')
    const mirror = mirrorOf(tools.rules)
    await makeFolder(work, {
      ...wanted.template,
      state: null,
      backendRecord: tools.backendRecord,
      user: tools.sandbox.userOf(how.name),
      override: overrideFor(how.extra),
      cliConfig: fetchingConfig(tools.rules, mirror && tools.sandbox.seenAt(mirror)),
      lock: how.lock,
    })
    await init(tools, wanted, how, { making, work, mirror })
    const folder = join(making, 'ready')
    return { making, folder, manifest: await settle(tools, work, folder, mirror) }
  } catch (error) {
    await rm(making, { recursive: true, force: true })
    throw error
  }
}

/** What the state needs besides is asked for under names that no template has. */
const overrideFor = (extra: readonly string[]): string => {
  const names = extra.map((source, i) => `    bothy-state-${i} = { source = ${JSON.stringify(source)} }\n`)
  const required = names.length === 0 ? '' : `  required_providers {\n${names.join('')}  }\n`
  return `terraform {\n  backend "local" {}\n${required}}\n`
}

const mirrorOf = ({ mirror }: SourceRules): Shown | null =>
  mirror !== null && isAbsolute(mirror) ? { outside: mirror, inside: '/mirror' } : null

interface Places {
  readonly making: string
  readonly work: string
  readonly mirror: Shown | null
}

async function init(tools: Fetching, wanted: Wanted, how: Making, { making, work, mirror }: Places): Promise<void> {
  const { clock, sandbox, terraform, rules, ways, buildLimits } = tools
  const limits = { folderBytes: buildLimits.fetchedBytes, folderFiles: buildLimits.fetchedFiles }
  const needs = needsOf(wanted.read)
  const place = sandbox.placeOf(work)
  wanted.say('Fetching providers and modules, once for this version of the template')
  const running = startTerraform(
    await sandbox.launch({
      jobId: how.name,
      terraform,
      folder: work,
      socket: null,
      args: ['init', '-input=false', '-no-color', ...(how.readonly ? ['-lockfile=readonly'] : [])],
      env: environmentOf({ place, socket: `${place.folder}/none.sock`, variables: {}, passed: ways }),
      shown: mirror ? [mirror] : [],
      network: needs.remoteModules.length > 0 ? 'modules' : needs.providers.length + how.extra.length > 0 ? 'providers' : 'none',
    }),
    (line) => /^(- |Downloading )/.test(line) && wanted.say(line),
  )
  void running.process.then((process) => process && writeFile(join(making, PROCESS_FILE), JSON.stringify(process)).catch(() => {}))
  const kill = () => running.kill()
  wanted.stop.addEventListener('abort', kill, { once: true })
  if (wanted.stop.aborted) kill()
  const over = new AbortController()
  const watched = watchLimits(clock, [() => tooMuchIn(work, limits)], over.signal, kill)
  try {
    const late = () => new Stalled('ProviderUnavailable', `terraform init took longer than ${FETCH_LIMIT_MS / 60_000} minutes`)
    const ended = await within(clock, FETCH_LIMIT_MS, running.ended, late)
    if (wanted.stop.aborted) throw stopped(wanted.stop)
    const tooMuch = await tooMuchIn(work, limits)
    if (tooMuch !== null) throw new Stalled('LimitExceeded', `fetching providers and modules: ${tooMuch}`)
    if (ended.code !== 0)
      throw fetchProblem(rules, needs, ended.stderr || `terraform init ended with ${ended.signal ?? `code ${ended.code}`}`)
  } finally {
    wanted.stop.removeEventListener('abort', kill)
    running.kill()
    over.abort()
    await Promise.all([running.ended, watched])
    await sandbox.over(how.name)
  }
}

/** Terraform's two folders, made ours, with what they hold written down. */
async function settle(tools: Fetching, work: string, folder: string, mirror: Shown | null): Promise<Manifest> {
  const { rules, sandbox } = tools
  const modules = await modulesIn(join(work, 'data', 'modules', 'modules.json'), `${sandbox.placeOf(work).folder}/data/modules`)
  for (const { Key, Source } of modules) if (kindOfModule(Source) !== 'local' && Source !== '') refuseModule(rules, Source, `module ${Key}`)
  await mkdir(folder, { mode: 0o755 })
  for (const part of ['providers', 'modules']) {
    const from = join(work, 'data', part)
    const found = await lstat(from).catch(() => null)
    if (found?.isDirectory()) await rename(from, join(folder, part))
    else await mkdir(join(folder, part))
  }
  await rm(join(folder, 'modules', 'modules.json'), { force: true })
  const lock = (await ownFile(join(work, TREE, TREE_FILES.lock)))?.toString('utf8') ?? ''
  const providers = await installedOf(lock, join(folder, 'providers'))
  for (const { source } of providers) refuseProvider(rules, source, null)
  const linked = mirror && { seen: sandbox.seenAt(mirror), outside: mirror.outside }
  const manifest: Manifest = { version: 1, providers, modules, lock, files: await settleFiles(folder, linked) }
  await writeManifest(folder, manifest)
  return manifest
}

async function installedOf(lock: string, folder: string): Promise<Manifest['providers']> {
  const locked = [...lock.matchAll(/^provider "([^"]+)" \{\s*version\s*=\s*"([^"]+)"/gm)]
  const there = await Promise.all(
    locked.map(async ([, source = '', version = '']) => {
      const found =
        isAtHand(source) || source.split('/').includes('..') ? null : await lstat(join(folder, source, version)).catch(() => null)
      return found ? [{ source, version }] : []
    }),
  )
  return there.flat()
}

/** Where terraform put which module; fetched ones below MODULES, since each build sees them elsewhere. */
async function modulesIn(file: string, below: string): Promise<ModuleSeen[]> {
  const bytes = await ownFile(file)
  if (!bytes) return []
  const value: unknown = JSON.parse(bytes.toString('utf8'))
  const listed = typeof value === 'object' && value !== null && 'Modules' in value && Array.isArray(value.Modules) ? value.Modules : []
  return listed.filter(isModule).map((each) => placed(each, below))
}

function placed({ Key, Source, Version, Dir: where }: ModuleSeen, below: string): ModuleSeen {
  const Dir = where === below || where.startsWith(`${below}/`) ? `${MODULES}${where.slice(below.length)}` : where
  const plain = posix.normalize(Dir)
  if (plain.startsWith('/') || plain === '..' || plain.startsWith('../'))
    throw new Stalled('TemplateInvalid', `module ${Key}: its source "${Source}" lies outside of the template`)
  return Version === undefined ? { Key, Source, Dir } : { Key, Source, Version, Dir }
}

const isModule = (value: unknown): value is ModuleSeen =>
  typeof value === 'object' &&
  value !== null &&
  'Key' in value &&
  typeof value.Key === 'string' &&
  'Source' in value &&
  typeof value.Source === 'string' &&
  'Dir' in value &&
  typeof value.Dir === 'string'

/** What became of a job that was told to end while something was fetched for it. */
export const stopped = (stop: AbortSignal): Stalled =>
  stop.reason === 'canceled'
    ? new Stalled('BuildCanceled', 'canceled while its providers were fetched')
    : stop.reason === 'too long'
      ? new Stalled('BuildTimeout', 'its providers were not fetched in the time that a build has')
      : new Stalled('Interrupted', 'stopped while its providers were fetched')
