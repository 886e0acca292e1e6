import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import type { Cluster, Writer } from '../cluster/port.ts'
import { exponentialMs } from '../kernel/backoff.ts'
import type { Cancel, Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { Db } from '../store/pool.ts'
import { keepFiles } from '../store/versions.ts'
import { watchDeletions } from './deletions.ts'
import { pass, type Outcome, type PassPorts } from './pass.ts'
import { problemText } from './problem.ts'
import { createTeller } from './tell.ts'
import { watchFolder, type Watcher } from './watcher.ts'

/** A folder of YAML that declares objects, for as long as it is given to the control plane. */
export interface FolderSource {
  /** Resolves after the first whole look at the folder. */
  start(): Promise<void>
  close(): Promise<void>
  summary(): FolderSummary
}

export interface FolderSummary {
  readonly root: string
  readonly files: number
  readonly objects: number
  readonly problems: readonly string[]
  readonly watching: 'native' | 'polling'
}

export interface FolderPorts {
  readonly root: string
  readonly cluster: Cluster
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  /** Who the objects' writer is said to be; the user of this process unless given. */
  readonly user?: string
  /** One line for whoever started the control plane. */
  say(line: string): void
}

/** Hints get lost on network and bind mounts; looking again is cheap. */
const RESCAN_MS = 60_000
const AGAIN_MS = 350
/** Their end may let the folder do what it had to leave. */
const WATCHED = ['Template', 'Workspace'] as const
const RETRY_FIRST_MS = 500
const RETRY_MOST_MS = 30_000

export function createFolderSource(ports: FolderPorts): FolderSource {
  const root = resolve(ports.root)
  const { clock, log, say } = ports
  const passPorts = passPortsOf(ports, root)
  const tell = createTeller(ports)
  const firstPass = Promise.withResolvers<void>()
  let watcher: Watcher | null = null
  let cancelTimer: Cancel | null = null
  let busy: Promise<void> | null = null
  let deletions: Promise<unknown> | null = null
  let dirty = false
  const over = new AbortController()
  let failures = 0
  let last: Outcome | null = null

  const look = () => {
    dirty = true
    busy ??= lookWhileDirty()
  }

  async function lookWhileDirty(): Promise<void> {
    while (dirty && !over.signal.aborted) {
      dirty = false
      cancelTimer?.()
      const nextMs = await lookOnce()
      if (!over.signal.aborted) cancelTimer = clock.after(nextMs, look)
    }
    busy = null
  }

  /** Answers after how long to look again unasked. */
  async function lookOnce(): Promise<number> {
    try {
      last = await pass(passPorts)
      await tell(last)
      failures = 0
      firstPass.resolve()
      return last.again ? AGAIN_MS : RESCAN_MS
    } catch (error) {
      failures += 1
      log[failures === 1 ? 'warn' : 'debug']('looking at the folder failed', { root, error })
      return exponentialMs(failures, RETRY_FIRST_MS, RETRY_MOST_MS)
    }
  }

  return {
    start() {
      watcher = watchFolder(root, { clock, log, say, dirty: look })
      look()
      deletions = Promise.all(WATCHED.map((kind) => watchDeletions(kind, { cluster: ports.cluster, clock, log, dirty: look }, over.signal)))
      return firstPass.promise
    },
    async close() {
      over.abort()
      cancelTimer?.()
      firstPass.resolve()
      await Promise.all([watcher?.close(), deletions])
      await busy
    },
    summary: () => ({
      root,
      files: last?.files ?? 0,
      objects: last?.declared.size ?? 0,
      problems: last?.problems.map(problemText) ?? [],
      watching: watcher?.mode() ?? 'native',
    }),
  }
}

function passPortsOf({ cluster, clock, db, user }: FolderPorts, root: string): PassPorts {
  const writer = { manager: 'bothy-folder', user: user ?? userInfo().username, declarer: `folder:${root}` } as const satisfies Writer
  const kept = new Set<string>()
  return {
    root,
    cluster,
    clock,
    writer,
    missingSince: new Map(),
    async keep({ digest, files }) {
      if (kept.has(digest)) return
      await keepFiles(db, digest, files)
      kept.add(digest)
    },
  }
}
