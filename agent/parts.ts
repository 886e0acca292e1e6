import type { ServerHttp2Stream } from 'node:http2'
import type { Clock } from '../controller/kernel/clock.ts'
import { createAppHealth } from './app-health.ts'
import { createCalls } from './calls.ts'
import type { AgentEnvironment } from './environment.ts'
import { serveEvents } from './events-service.ts'
import { serveExec } from './exec-service.ts'
import { createFilesService } from './files-service.ts'
import { createLifecycle, type LifecycleKeeper } from './lifecycle.ts'
import { isSignalWish } from './messages.ts'
import { createPortService } from './port-service.ts'
import { portsSeen } from './ports-seen.ts'
import { SERVICES, type Manifest } from './protocol.ts'
import { createReports, type Reports } from './reports.ts'
import { createScriptRuns } from './runs.ts'
import { answer, jsonBody, type Service } from './serve.ts'
import { isSignal } from './spawn.ts'
import { createSshService } from './ssh-service.ts'
import { createStats } from './stats.ts'
import { serveTerminal } from './terminal-service.ts'
import { createTerminals } from './terminals.ts'

/** Everything that one run of the agent's program does, and the services that reach it. Links come and go around it. */
export interface Parts {
  readonly lifecycle: LifecycleKeeper
  readonly reports: Reports
  readonly services: Readonly<Record<string, Service>>
  /** What the control plane says there is to run. `complete`: all of it. */
  told(manifest: Manifest, complete: boolean): void
  /** A new link: whoever lost theirs gets their time from now. */
  linkedAgain(): void
  stop(limitMs: number): Promise<void>
  /** Whatever still runs: TERM, and KILL for what is left after `graceMs`. */
  endAll(graceMs: number): Promise<void>
}

export interface PartsPorts {
  readonly environment: AgentEnvironment
  readonly clock: Clock
  readonly say: (line: string) => void
  readonly linked: () => boolean
}

const NOTHING: Manifest = { scripts: [], env: {}, dir: '', metadata: [], apps: [], sshHostKey: '' }
/** Asked by the control plane, which has its own limit. */
const STOP_LIMIT_MS = 120_000
const SIGNAL_BYTES_MAX = 4096

export function createParts({ environment, clock, say, linked }: PartsPorts): Parts {
  let manifest = NOTHING
  const reports = createReports(() => clock.now())
  const lifecycle = createLifecycle(reports)
  const stats = createStats(reports, clock)
  const common = { environment, manifest: () => manifest, clock }
  const calls = createCalls({ ...common, linked, onStarted: stats.watch })
  const terminals = createTerminals({ ...common, linked, onStarted: stats.watch })
  const scripts = createScriptRuns({ ...common, linked, lifecycle, reports })
  const appHealth = createAppHealth(reports, clock)
  const ssh = createSshService({ ...common, lifecycle, stats, say })

  const signal = async (stream: ServerHttp2Stream) => {
    const wish = await jsonBody(stream, SIGNAL_BYTES_MAX)
    if (!isSignalWish(wish) || !isSignal(wish.signal)) return answer(stream, 400, { message: 'an id and the name of a signal are wanted' })
    const known = calls.signal(wish.id, wish.signal) || terminals.signal(wish.id, wish.signal)
    answer(stream, known ? 200 : 404, known ? {} : { message: `there is no command or terminal ${wish.id}` })
  }
  const shutdown: Service = (stream) => {
    answer(stream, 202, {})
    void scripts.stop(STOP_LIMIT_MS)
  }

  return {
    lifecycle,
    reports,
    services: {
      [SERVICES.signal]: orReset(signal),
      [SERVICES.shutdown]: shutdown,
      [SERVICES.events]: (stream) => serveEvents(stream, reports),
      [SERVICES.ssh]: ssh.serve,
      [SERVICES.port]: createPortService({ stats }),
      [SERVICES.ports]: orReset(async (stream) => answer(stream, 200, await portsSeen())),
      [SERVICES.exec]: (stream, headers) => serveExec(stream, headers, calls),
      [SERVICES.commands]: (stream) => answer(stream, 200, calls.list()),
      [SERVICES.files]: createFilesService(environment),
      [SERVICES.terminal]: (stream, headers) => serveTerminal(stream, headers, terminals),
      [SERVICES.terminals]: (stream) => answer(stream, 200, terminals.list()),
    },
    told(next, complete) {
      manifest = next
      appHealth.watch(next.apps)
      if (!complete) return
      scripts.start()
      scripts.schedule()
    },
    linkedAgain() {
      calls.linkedAgain()
      terminals.linkedAgain()
      // What waits from before is said anew, as of now.
      stats.say()
    },
    stop: scripts.stop,
    async endAll(graceMs) {
      appHealth.end()
      await Promise.all([scripts, calls, terminals, ssh].map((part) => part.endAll(graceMs)))
    },
  }
}

/** A body that breaks off is the end of its stream, not of the program. */
export const orReset =
  (service: (stream: ServerHttp2Stream) => Promise<void>): Service =>
  (stream) => {
    service(stream).catch(() => stream.close())
  }
