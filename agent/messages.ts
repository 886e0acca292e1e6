import type { ControlHello, ExecStart, Manifest, ManifestApp, ManifestMetadata, ManifestScript, TerminalStart } from './protocol.ts'

/** What arrives is not what its type says until it was looked at. */

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isStrings = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((each) => typeof each === 'string')
const isTexts = (value: unknown): boolean => isFields(value) && Object.values(value).every((each) => typeof each === 'string')
const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isDimension = (value: unknown): boolean => isCount(value) && Number(value) <= 65_535

const ID_LENGTH_MAX = 64

export const isExecStart = (value: unknown): value is ExecStart =>
  isFields(value) &&
  typeof value['id'] === 'string' &&
  value['id'].length > 0 &&
  value['id'].length <= ID_LENGTH_MAX &&
  isStrings(value['argv']) &&
  value['argv'].every((each) => !each.includes('\0')) &&
  (value['tty'] === null || (isFields(value['tty']) && isDimension(value['tty']['cols']) && isDimension(value['tty']['rows']))) &&
  typeof value['stdin'] === 'boolean' &&
  (value['cwd'] === null || typeof value['cwd'] === 'string') &&
  isTexts(value['env']) &&
  typeof value['background'] === 'boolean' &&
  (value['whenFull'] === 'hold' || value['whenFull'] === 'drop') &&
  typeof value['resume'] === 'boolean' &&
  isCount(value['offset'])

/** null: no hello of any control plane. */
export function controlHelloIn(value: unknown): ControlHello | null {
  if (!isFields(value) || typeof value['protocol'] !== 'string' || !isFields(value['manifest'])) return null
  const manifest = manifestIn(value['manifest'])
  return manifest && { protocol: value['protocol'], complete: value['complete'] !== false, manifest }
}

/** What an older control plane leaves out is empty; what a newer one adds is passed over. Wrong is only what has another type. */
function manifestIn(given: Fields): Manifest | null {
  const [scripts, metadata, apps] = [given['scripts'] ?? [], given['metadata'] ?? [], given['apps'] ?? []]
  const [env, dir, sshHostKey] = [given['env'] ?? {}, given['dir'] ?? '', given['sshHostKey'] ?? '']
  if (!Array.isArray(scripts) || !Array.isArray(metadata) || !Array.isArray(apps)) return null
  if (!isTextMap(env) || typeof dir !== 'string' || typeof sshHostKey !== 'string') return null
  return {
    scripts: scripts.flatMap((each) => scriptIn(each) ?? []),
    metadata: metadata.flatMap((each) => metadataIn(each) ?? []),
    apps: apps.flatMap((each) => appIn(each) ?? []),
    env,
    dir,
    sshHostKey,
  }
}

const isTextMap = (value: unknown): value is Readonly<Record<string, string>> => isTexts(value)
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '')
const countIn = (value: unknown): number => (isCount(value) ? Number(value) : 0)

/** One that runs at an occasion of a newer control plane is none of ours. */
function scriptIn(value: unknown): ManifestScript | null {
  if (!isFields(value) || typeof value['name'] !== 'string' || typeof value['script'] !== 'string') return null
  const on = (['start', 'stop', 'cron'] as const).find((each) => each === value['on'])
  if (!on) return null
  return {
    name: value['name'],
    script: value['script'],
    on,
    cron: on === 'cron' ? textIn(value['cron']) : null,
    timeoutSeconds: countIn(value['timeoutSeconds']),
    logPath: textIn(value['logPath']),
    blocksLogin: value['blocksLogin'] === true,
  }
}

function metadataIn(value: unknown): ManifestMetadata | null {
  if (!isFields(value) || typeof value['key'] !== 'string' || typeof value['script'] !== 'string') return null
  return {
    key: value['key'],
    displayName: textIn(value['displayName']),
    script: value['script'],
    intervalSeconds: countIn(value['intervalSeconds']),
    timeoutSeconds: countIn(value['timeoutSeconds']),
  }
}

function appIn(value: unknown): ManifestApp | null {
  if (!isFields(value) || typeof value['slug'] !== 'string') return null
  const check = value['healthcheck']
  return {
    slug: value['slug'],
    url: textIn(value['url']),
    command: textIn(value['command']),
    healthcheck: isFields(check)
      ? { url: textIn(check['url']), intervalSeconds: countIn(check['intervalSeconds']), threshold: countIn(check['threshold']) }
      : null,
  }
}

const isSize = (value: unknown): boolean => isFields(value) && isDimension(value['cols']) && isDimension(value['rows'])

export const isTerminalStart = (value: unknown): value is TerminalStart =>
  isFields(value) &&
  typeof value['id'] === 'string' &&
  value['id'].length > 0 &&
  value['id'].length <= ID_LENGTH_MAX &&
  isSize(value['size']) &&
  typeof value['create'] === 'boolean' &&
  isStrings(value['argv']) &&
  value['argv'].every((each) => !each.includes('\0')) &&
  (value['cwd'] === null || typeof value['cwd'] === 'string') &&
  isTexts(value['env']) &&
  (value['offset'] === null || isCount(value['offset']))

export const isAck = (value: unknown): value is { readonly ack: number } => isFields(value) && isCount(value['ack'])

export const isSignalWish = (value: unknown): value is { readonly id: string; readonly signal: string } =>
  isFields(value) && typeof value['id'] === 'string' && typeof value['signal'] === 'string'
