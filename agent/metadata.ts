import { rm } from 'node:fs/promises'
import type { Cancel } from '../controller/kernel/clock.ts'
import { humanDuration } from '../controller/kernel/durations.ts'
import { messageOf } from '../controller/kernel/errors.ts'
import { METADATA_BYTES_MAX, METADATA_KEYS_BYTES_MAX, type ManifestMetadata } from './protocol.ts'
import type { Reports } from './reports.ts'
import { scriptFile, type ScriptPorts } from './scripts.ts'
import { spawnPiped } from './spawn.ts'

/** Values that commands of the template say again and again. Each key is read by one process at a time. */
export interface Metadata {
  schedule(wanted: readonly ManifestMetadata[]): void
  stop(): void
}

export interface MetadataPorts extends Omit<ScriptPorts, 'reports'> {
  readonly reports: Pick<Reports, 'metadata' | 'log'>
  /** Nobody hears it otherwise. */
  readonly linked: () => boolean
}

const TIMEOUT_MS = 5000
const INTERVAL_LEAST_MS = 1000
/** What stays the same is said again after this. */
const SAY_AGAIN_MS = 60_000
const PIPES_LIMIT_MS = 500

export function createMetadata(ports: MetadataPorts): Metadata {
  const { reports, clock } = ports
  const cancels = new Map<string, Cancel>()
  let overlong = ''

  const follow = (each: ManifestMetadata, name: string) => {
    let said = { text: '', at: Number.NEGATIVE_INFINITY }
    const round = async () => {
      if (ports.linked()) {
        const { value, error } = await read(each, ports)
        const text = JSON.stringify([value, error])
        const news = text !== said.text || clock.elapsedMs() - said.at >= SAY_AGAIN_MS
        if (news && cancels.has(name)) {
          reports.metadata(each.key, value, error)
          said = { text, at: clock.elapsedMs() }
        }
      }
      // Once is enough where no interval is given; but somebody must have been there to hear it.
      const again = each.intervalSeconds > 0 || said.text === ''
      const everyMs = Math.max(each.intervalSeconds * 1000, INTERVAL_LEAST_MS)
      if (again && cancels.has(name))
        cancels.set(
          name,
          clock.after(everyMs, () => void round()),
        )
    }
    cancels.set(name, () => {})
    void round()
  }

  return {
    stop() {
      for (const cancel of cancels.values()) cancel()
      cancels.clear()
    },
    schedule(all) {
      let room = METADATA_KEYS_BYTES_MAX
      const wanted = new Map(all.filter(({ key }) => (room -= Buffer.byteLength(key)) >= 0).map((each) => [JSON.stringify(each), each]))
      const left = all.slice(wanted.size).map(({ key }) => key.slice(0, 64))
      if (left.length > 0 && left.join() !== overlong)
        reports.log(
          'metadata',
          'warn',
          `the keys are longer than ${METADATA_KEYS_BYTES_MAX} bytes together: ${left.slice(0, 5).join(', ')} … are left out`,
        )
      overlong = left.join()
      for (const [name, cancel] of cancels) {
        if (wanted.has(name)) continue
        cancel()
        cancels.delete(name)
      }
      for (const [name, each] of wanted) if (!cancels.has(name)) follow(each, name)
    },
  }
}

interface Said {
  readonly value: string
  readonly error: string
}

async function read({ script, timeoutSeconds, intervalSeconds }: ManifestMetadata, ports: MetadataPorts): Promise<Said> {
  const limitMs = timeoutSeconds * 1000 || Math.max(intervalSeconds * 1000, TIMEOUT_MS)
  let file: string | null = null
  let cancel: Cancel | null = null
  try {
    file = await scriptFile(script)
    const running = spawnPiped({
      argv: file ? [file] : ['/bin/sh', '-c', script],
      cwd: ports.cwd(),
      env: ports.env(),
      stdin: false,
      pipesLimit: (late) => void ports.clock.after(PIPES_LIMIT_MS, late),
    })
    ports.onStarted(running)
    const heard = { stdout: createHead(), stderr: createHead() }
    running.onOutput((kind, data) => heard[kind].push(data))
    let late = false
    cancel = ports.clock.after(limitMs, () => {
      late = true
      running.signal('SIGKILL')
    })
    const { code } = await running.ended
    const value = heard.stdout.text()
    if (late) return { value, error: `did not end within ${humanDuration(limitMs)}` }
    return { value, error: code === 0 ? '' : heard.stderr.text() || `exited with ${code}` }
  } catch (error) {
    return { value: '', error: cut(Buffer.from(messageOf(error))) }
  } finally {
    cancel?.()
    if (file) await rm(file, { force: true })
  }
}

/** The beginning of what is said; the rest is read and forgotten. */
function createHead() {
  const parts: Buffer[] = []
  let bytes = 0
  return {
    push(data: Buffer) {
      if (bytes < METADATA_BYTES_MAX) parts.push(data.subarray(0, METADATA_BYTES_MAX - bytes))
      bytes += data.length
    },
    text: () => cut(Buffer.concat(parts)),
  }
}

/** Whole characters of at most so many bytes. */
const cut = (bytes: Buffer): string =>
  bytes
    .subarray(0, METADATA_BYTES_MAX)
    .toString()
    .replace(/\ufffd+$/, '')
    .trim()
