import { CANCEL, quoted, type Config } from './config.ts'
import type { Resource } from './cluster/port.ts'
import { bringDown, runningNames } from './down.ts'
import { createFollower, workspacesOf, type Follower } from './follow.ts'
import { systemClock } from './kernel/clock.ts'
import type { Log } from './kernel/log.ts'
import { logTo } from './log-file.ts'
import { closeInOrder, createClosers, type Closers } from './shutdown.ts'
import { listenToSignals } from './signals.ts'
import { createFolderSource } from './source/folder.ts'
import { openEverything, type Standalone } from './standalone.ts'
import { noteLeft, openState } from './state.ts'
import { jobsInFlight } from './store/read-jobs.ts'

/** `bothy up`: the control plane of one machine, in the foreground. */

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const SETTLE_LOOK_MS = 50
const FIRST_TABLE_MS = 60_000

/** Why the control plane ends. */
type Ending = { readonly why: 'told' | 'down' | 'settled' | 'unable' } | { readonly why: 'lost'; readonly message: string }

export async function runUp(config: Config): Promise<number> {
  const state = openState(config.stateDir)
  const log = logTo(state.logFile, config)
  const closers = createClosers()
  const ending = Promise.withResolvers<Ending>()
  let opened: Standalone | null = null
  let unable: string | null = null
  const stopListening = listenToSignals(systemClock, [
    () => {
      ending.resolve({ why: 'told' })
      if (!opened) say('ending as soon as it has started; Ctrl-C again goes at once')
    },
    // A migration may take long, and leaves nothing half done when it is cut.
    () => (opened ? cancelBuilds(opened) : process.exit(130)),
    () => process.exit(130),
  ])
  try {
    const standalone = await openEverything({
      config,
      state,
      clock: systemClock,
      log,
      closers,
      goingDown: false,
      onDown: () => {
        ending.resolve({ why: 'down' })
        return { pid: process.pid, running: opened ? runningNames(opened.cache) : [] }
      },
      onUnable: (why) => {
        if (unable !== why) process.stderr.write(`bothy: nothing can be built: ${why}\n`)
        unable = why
        if (config.once) ending.resolve({ why: 'unable' })
      },
      onLost: (message) => ending.resolve({ why: 'lost', message }),
    })
    opened = standalone
    const follower = createFollower(standalone.cache, config.quiet ? () => {} : say)
    await begin(config, standalone, follower, closers, log)
    const settled = () => ending.resolve({ why: 'settled' })
    showOnceSettled(config, follower, standalone, settled).catch((error: unknown) => {
      // The database is away, or was closed just now.
      log.warn('the first table could not be shown', { error })
      if (config.once) settled()
    })
    return await end(await ending.promise, config, standalone, follower, closers, log)
  } finally {
    await closeInOrder(closers.steps(), systemClock, log)
    stopListening()
    state.release()
  }
}

async function begin(config: Config, { db, cluster, url }: Standalone, follower: Follower, closers: Closers, log: Log): Promise<void> {
  say(`bothy is up at ${url}   state: ${config.stateDir}`)
  if (process.getuid?.() === 0)
    say('note: running as root, so workspaces that are processes run as root too, and are not kept apart from this machine')
  if (config.insecure && !config.tls) say('note: --insecure: tokens travel in the clear, readable for whoever can listen on the way')
  follower.begin()
  if (!config.folder) return
  const source = createFolderSource({ root: config.folder, cluster, db, clock: systemClock, log, user: config.user, say })
  closers.add('source', () => source.close())
  await source.start()
  const { files, objects, problems } = source.summary()
  say(`declared by ${config.folder}: ${objects} objects in ${files} files${problems.length ? `, ${problems.length} problems` : ''}`)
}

/** The table, and how to get in, as soon as there is something to see; in any case after a minute. */
async function showOnceSettled(config: Config, follower: Follower, standalone: Standalone, settled: () => void): Promise<void> {
  const { cache, engine } = standalone
  await caughtUp(standalone)
  const limitAt = systemClock.elapsedMs() + FIRST_TABLE_MS
  while (!(follower.settled() && engine.depth() === 0)) {
    if (!config.once && systemClock.elapsedMs() > limitAt) break
    await systemClock.sleep(SETTLE_LOOK_MS)
  }
  if (workspacesOf(cache).length > 0) say(`\n${follower.table().join('\n')}\n`)
  if (config.once) return settled()
  const enter = workspacesOf(cache).find(({ status }) => status?.state === 'Running')
  if (enter) {
    const namespace = enter.metadata.namespace === 'default' ? '' : ` -n ${enter.metadata.namespace}`
    say(`enter it:   ${config.callAs} exec -it ${enter.metadata.name}${namespace} -- bash`)
  }
  say(`see it:     ${config.callAs} open     in a browser, with its apps and a terminal`)
  say(`with kubectl: export KUBECONFIG=${quoted(`${config.stateDir}/kubeconfig`)}`)
  say(`Ctrl-C ends the control plane and leaves workspaces running; ${config.callAs} down ends them too`)
}

/** The cache follows the cluster with a small delay: what the folder has just declared must not count as nothing. */
async function caughtUp({ cluster, cache }: Standalone): Promise<void> {
  for (const kind of ['Template', 'Workspace']) {
    const { items } = await cluster.list(kind)
    const isThere = ({ metadata }: Resource): boolean => cache.get(kind, metadata.namespace ?? '', metadata.name) !== undefined
    while (!items.every(isThere)) await systemClock.sleep(SETTLE_LOOK_MS)
  }
}

async function end(
  ending: Ending,
  config: Config,
  standalone: Standalone,
  follower: Follower,
  closers: Closers,
  log: Log,
): Promise<number> {
  if (ending.why === 'lost') {
    process.stderr.write(`bothy: the database is gone and did not come back: ${ending.message}\n`)
    process.stderr.write(`fix: ${config.stateDir}/pg/server.log says why; then start it again, nothing is lost\n`)
    return 1
  }
  if (ending.why === 'unable') return 2
  if (ending.why === 'settled') return follower.ready() ? 0 : 1
  if (ending.why === 'down') return broughtDown(config, standalone)
  const running = workspacesOf(standalone.cache).filter(({ status }) => status?.power?.effective === 'Running')
  await tellOfBuilds(standalone)
  await closeInOrder(closers.steps(), systemClock, log)
  const names = running.map(({ metadata }) => metadata.name)
  say(names.length ? `bothy is down; these go on: ${names.join(', ')}   (${config.callAs} down ends them)` : 'bothy is down')
  return 0
}

/** Whoever asked waits for this process to end, and then reads what it left. */
async function broughtDown({ stateDir }: Config, standalone: Standalone): Promise<number> {
  const left = await bringDown(standalone, say)
  noteLeft(stateDir, left)
  return left.length === 0 ? 0 : 1
}

/** A build that runs is finished, not cut. */
async function tellOfBuilds({ db }: Standalone): Promise<void> {
  const jobs = await jobsInFlight(db).catch(() => [])
  if (jobs.length === 0) return
  const names = jobs.map(({ subject }) => subject.name).join(', ')
  say(`finishing ${jobs.length === 1 ? 'a build' : `${jobs.length} builds`} (${names}); Ctrl-C again cancels, and once more goes at once`)
}

function cancelBuilds(standalone: Standalone): void {
  say('canceling: terraform saves its state and ends')
  standalone.provisioner.tell(CANCEL)
}
