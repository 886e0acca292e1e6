import { createInterface } from 'node:readline'
import type { Cancel, Clock } from '../kernel/clock.ts'
import { DockerAway, DockerRefused, isRefusedWith, type Docker } from './docker.ts'

/** An image that is not there yet is fetched, and the build's log says how far it is. */

export interface Image {
  readonly user: string
  readonly os: string
  readonly arch: string
}

/** A login for a registry, as the operator's Docker configuration has it. */
export interface RegistryLogin {
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
}

export interface PullOptions {
  readonly docker: Docker
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly say: (line: string) => void
  readonly loginFor: (registry: string) => Promise<RegistryLogin | null>
}

const SAY_EVERY_MS = 2000
/** Without a word for that long the daemon has lost its registry. */
const SILENCE_MS = 120_000
const LINE_CHARACTERS_MAX = 64 * 1024
const LAYERS_MAX = 1000

export async function imageFor(image: string, options: PullOptions): Promise<Image> {
  const there = await imageThere(options.docker, image)
  if (there) return there
  await pull(image, options)
  const now = await imageThere(options.docker, image)
  if (!now) throw new DockerRefused(404, `${image} was pulled, and is not there`)
  return now
}

async function imageThere(docker: Docker, image: string): Promise<Image | null> {
  try {
    const { json } = await docker.call('GET', `/images/${encodeURIComponent(image)}/json`)
    const { Os, Architecture, Config } = json as { Os?: string; Architecture?: string; Config?: { User?: string } | null }
    return { os: Os ?? '', arch: Architecture ?? '', user: Config?.User ?? '' }
  } catch (error) {
    if (isRefusedWith(error, 404)) return null
    throw error
  }
}

export interface Reference {
  readonly registry: string
  readonly repository: string
  /** A tag, or a digest. */
  readonly tag: string
}

/** `node` is docker.io's, at `latest`; what comes before the first slash is a registry where it looks like a host. */
export function referenceOf(image: string): Reference {
  const at = image.indexOf('@')
  const named = at === -1 ? image : image.slice(0, at)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const repository = colon === -1 ? named : named.slice(0, colon)
  const tag = at === -1 ? (colon === -1 ? 'latest' : named.slice(colon + 1)) : image.slice(at + 1)
  const first = repository.split('/')[0] ?? ''
  const isHost = repository.includes('/') && (/[.:]/.test(first) || first === 'localhost')
  return { registry: isHost ? first : 'docker.io', repository, tag }
}

async function pull(image: string, { docker, clock, signal, say, loginFor }: PullOptions): Promise<void> {
  const { registry, repository, tag } = referenceOf(image)
  const login = await loginFor(registry)
  const headers = login ? { 'x-registry-auth': headerOf({ ...login, serveraddress: registry }) } : {}
  say(`Pulling ${image}.`)
  const answer = await docker.stream('POST', '/images/create', {
    query: { fromImage: repository, tag },
    headers,
    signal,
    limitMs: SILENCE_MS,
  })
  const layers = createLayers()
  let saidAtMs = clock.elapsedMs()
  let saidLast = ''
  const silence: { end: Cancel | null } = { end: null }
  const listening = () => {
    silence.end?.()
    silence.end = clock.after(SILENCE_MS, () =>
      answer.destroy(new DockerAway(`Docker said nothing about ${image} for ${SILENCE_MS / 1000} s`)),
    )
  }
  listening()
  let broken: Error | null = null
  answer.on('error', (error) => (broken = error))
  try {
    for await (const line of createInterface({ input: answer, crlfDelay: Infinity })) {
      listening()
      const event = eventIn(line)
      if (event?.error) throw new DockerRefused(500, event.error)
      if (event) layers.hear(event)
      const now = clock.elapsedMs()
      const text = layers.text()
      if (text === saidLast || now - saidAtMs < SAY_EVERY_MS) continue
      say(`Pulling ${image}: ${text}.`)
      saidAtMs = now
      saidLast = text
    }
  } finally {
    silence.end?.()
    answer.destroy()
  }
  signal.throwIfAborted()
  if (broken) throw new DockerAway(`the pull of ${image} broke off`)
  say(`Pulled ${image}: ${layers.text()}.`)
}

/** Docker reads the letters of base64url, and wants the padding that others leave out. */
const headerOf = (login: RegistryLogin & { readonly serveraddress: string }): string =>
  Buffer.from(JSON.stringify(login)).toString('base64').replaceAll('+', '-').replaceAll('/', '_')

interface PullEvent {
  readonly id: string
  readonly status: string
  readonly current: number
  readonly total: number
  readonly error: string
}

function eventIn(line: string): PullEvent | null {
  if (line.length > LINE_CHARACTERS_MAX) return null
  try {
    const { id, status, error, progressDetail } = JSON.parse(line) as Record<string, unknown>
    const { current, total } = (progressDetail ?? {}) as Record<string, unknown>
    return { id: textOf(id), status: textOf(status), error: textOf(error), current: numberOf(current), total: numberOf(total) }
  } catch {
    return null
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0)

interface Layer {
  done: boolean
  bytes: number
  total: number
}

const BEGUN = /^(Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting)/
const DONE = /^(Pull complete|Already exists)/

/** What is known of an image's layers: how many, how many are done, how much has come. */
export function createLayers(): { hear(event: Pick<PullEvent, 'id' | 'status' | 'current' | 'total'>): void; text(): string } {
  const layers = new Map<string, Layer>()
  return {
    hear({ id, status, current, total }) {
      if (id === '' || !(BEGUN.test(status) || DONE.test(status))) return
      if (!layers.has(id) && layers.size >= LAYERS_MAX) return
      const layer = layers.get(id) ?? { done: false, bytes: 0, total: 0 }
      layers.set(id, layer)
      if (status.startsWith('Downloading')) Object.assign(layer, { bytes: current, total: Math.max(total, layer.total) })
      if (/^(Download complete|Extracting)/.test(status)) {
        layer.total = Math.max(layer.total, total)
        layer.bytes = layer.total
      }
      if (DONE.test(status)) Object.assign(layer, { done: true, bytes: layer.total })
    },
    text() {
      const all = [...layers.values()]
      const sum = (of: (layer: Layer) => number) => all.reduce((before, layer) => before + of(layer), 0)
      return `${all.filter(({ done }) => done).length} of ${all.length} layers, ${megabytes(sum(({ bytes }) => bytes))} of ${megabytes(sum(({ total }) => total))} MB`
    },
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
