import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CANCEL, type Config } from './config.ts'
import { createFollower } from './follow.ts'
import { openInCluster, type InCluster } from './in-cluster.ts'
import { systemClock } from './kernel/clock.ts'
import { Misconfigured } from './kernel/errors.ts'
import { jsonLog } from './kernel/log.ts'
import { logInTerminal } from './log-file.ts'
import { closeInOrder, createClosers } from './shutdown.ts'
import { listenToSignals } from './signals.ts'
import { openState } from './state.ts'

/** `bothy controller`: the control plane of a cluster, or one replica of it. */

type Ending = { readonly why: 'told' } | { readonly why: 'lost'; readonly message: string }

export async function runController(config: Config): Promise<number> {
  refuseStandalones(config.stateDir)
  const state = openState(config.stateDir)
  const isRead = process.stdout.isTTY && process.stderr.isTTY
  const log = isRead
    ? logInTerminal(state.logFile, config)
    : jsonLog(systemClock, config.logLevel, (line) => process.stderr.write(line), { replica: config.replica })
  const closers = createClosers()
  const ending = Promise.withResolvers<Ending>()
  let opened: InCluster | null = null
  const stopListening = listenToSignals(systemClock, [
    () => ending.resolve({ why: 'told' }),
    () => (opened?.provisioner ? opened.provisioner.tell(CANCEL) : process.exit(130)),
    () => process.exit(130),
  ])
  try {
    const opening = openInCluster({
      config,
      state,
      clock: systemClock,
      log,
      closers,
      withProvisioner: config.withProvisioner,
      onUnable: (why) => log.error('nothing can be built here', { why }),
      onLost: (message) => ending.resolve({ why: 'lost', message }),
    })
    // A cluster that does not answer must not keep it from ending.
    const begun = await Promise.race([opening, ending.promise])
    if ('url' in begun) {
      opened = begun
      log.info('the control plane is up', { url: begun.url, cluster: begun.connection.server })
      if (isRead) follow(begun, state.logFile)
    } else opening.catch(() => {})
    const ended = await ending.promise
    if (ended.why === 'told') return 0
    log.error('the database is gone and did not come back', { why: ended.message })
    return 1
  } finally {
    await closeInOrder(closers.steps(), systemClock, log)
    stopListening()
    state.release()
  }
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** As `bothy up` does: a line a change, for whoever watches. */
function follow({ cache }: InCluster, logFile: string): void {
  say(`log: ${logFile}   Ctrl-C ends it and leaves workspaces running`)
  createFollower(cache, say).begin()
}

/** Its database knows other workspaces, and its url and token are what the command line takes for the standalone's. */
function refuseStandalones(dir: string): void {
  if (existsSync(join(dir, 'kubeconfig')))
    throw new Misconfigured(`${dir} is the state folder of a bothy up: give the controller one of its own by --state`)
}
