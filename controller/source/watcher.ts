import { watch, type FSWatcher } from 'chokidar'
import { basename } from 'node:path'
import type { Cancel, Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'

/** Tells that something under a folder may have changed. It is a hint: whoever hears it looks for himself. */
export interface Watcher {
  close(): Promise<void>
  /** `polling` where the system has no more watches to give. */
  mode(): 'native' | 'polling'
}

interface Ports {
  readonly clock: Clock
  readonly log: Log
  say(line: string): void
  dirty(): void
}

const SETTLE_MS = 150
/** Somebody who saves without pause is still heard. */
const SETTLE_MOST_MS = 2000
const POLLING_MS = 1000

/** Out of watches, or out of files: the number of both is limited by the system. */
const isExhausted = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE' || error.code === 'ENOSPC')

export function watchFolder(root: string, ports: Ports): Watcher {
  const hint = debounced(ports.clock, ports.dirty)
  let mode: 'native' | 'polling' = 'native'
  let closed = false
  let current = open()

  function open(): FSWatcher {
    const watcher = watch(root, {
      ignoreInitial: true,
      ignorePermissionErrors: true,
      backend: mode === 'polling' ? 'polling' : 'native',
      pollingInterval: POLLING_MS,
      ignored: (path) => path !== root && isNoise(basename(path)),
    })
    watcher.on('all', hint.hear)
    watcher.on('ready', hint.hear)
    watcher.on('error', (error) => onError(watcher, error))
    return watcher
  }

  function onError(watcher: FSWatcher, error: unknown): void {
    ports.log.warn('watching the folder failed', { root, error: messageOf(error) })
    hint.hear()
    if (closed || mode === 'polling' || watcher !== current || !isExhausted(error)) return
    mode = 'polling'
    ports.say(`The system has no more file watches to give (${messageOf(error)}): ${root} is looked at every second instead.`)
    void watcher.close()
    current = open()
  }

  return {
    mode: () => mode,
    async close() {
      closed = true
      hint.cancel()
      await current.close()
    },
  }
}

/** Dot files are nobody's declaration; two dots are how a mounted ConfigMap is exchanged, which is worth a look. */
const isNoise = (name: string): boolean => (name.startsWith('.') && !name.startsWith('..')) || name === 'node_modules'

/** Calls `work` once it has been quiet for a moment, or at the latest after a longer one. */
function debounced(clock: Clock, work: () => void): { hear(): void; cancel(): void } {
  let firstAt: number | null = null
  let cancel: Cancel | null = null
  const fire = () => {
    firstAt = null
    work()
  }
  return {
    hear() {
      const now = clock.elapsedMs()
      firstAt ??= now
      cancel?.()
      cancel = clock.after(Math.max(0, Math.min(SETTLE_MS, firstAt + SETTLE_MOST_MS - now)), fire)
    },
    cancel: () => cancel?.(),
  }
}
