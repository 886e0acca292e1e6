import type { Call } from './call.ts'
import type { Reader } from './call-output.ts'
import type { CommandSeen, ExecRefused, ExecStart } from './protocol.ts'
import { startCommand, type CommandPorts } from './start-command.ts'

/** Every command that runs or whose exit nobody has read yet, by the id its client chose. */
export interface Calls {
  /** Starts the command, or joins the one of this id. */
  join(start: ExecStart, reader: Reader, by: string): Promise<Call | ExecRefused>
  /** Its exit was read. */
  forget(id: string): void
  list(): readonly CommandSeen[]
  signal(id: string, name: NodeJS.Signals): boolean
  /** TERM, and KILL for what is left after `graceMs`. */
  endAll(graceMs: number): Promise<void>
  /** Those who lost their reader while the control plane was away get their time from now. */
  linkedAgain(): void
}

const CALLS_MAX = 512
/** A command without a reader is hung up after this; its exit is kept as long. */
const ALONE_LIMIT_MS = 5 * 60_000
const LOOK_EVERY_MS = 15_000
const KILL_AFTER_MS = 30_000

export interface CallsPorts extends CommandPorts {
  readonly linked: () => boolean
  readonly onStarted: (call: Call) => void
}

export function createCalls(ports: CallsPorts): Calls {
  const { clock } = ports
  const calls = new Map<string, Call>()
  const starting = new Map<string, Promise<Call | ExecRefused>>()
  let linkedAt = clock.now()

  const look = () => {
    for (const [id, call] of calls) {
      if (call.aloneSince === null || !ports.linked()) continue
      const aloneMs = clock.now() - Math.max(call.aloneSince, linkedAt)
      if (aloneMs < ALONE_LIMIT_MS) continue
      if (call.exited) calls.delete(id)
      else if (!call.background) call.signal(aloneMs < ALONE_LIMIT_MS + KILL_AFTER_MS ? 'SIGHUP' : 'SIGKILL')
    }
    clock.after(LOOK_EVERY_MS, look)
  }
  clock.after(LOOK_EVERY_MS, look)

  /** The oldest exit that nobody came for makes room for a new command. */
  const makeRoom = (): boolean => {
    if (calls.size + starting.size < CALLS_MAX) return true
    const oldest = [...calls].find(([, call]) => call.exited && call.aloneSince !== null)
    return oldest !== undefined && calls.delete(oldest[0])
  }

  const started = (start: ExecStart): Promise<Call | ExecRefused> => {
    const already = starting.get(start.id)
    if (already) return already
    if (!makeRoom())
      return Promise.resolve({ code: 126, message: `${CALLS_MAX} commands run in this workspace already; none was started.` })
    const made = startCommand(start, ports)
      .then((call) => {
        if (!('code' in call)) calls.set(start.id, call)
        return call
      })
      .finally(() => starting.delete(start.id))
    starting.set(start.id, made)
    return made
  }

  return {
    async join(start, reader, by) {
      const known = calls.get(start.id)
      if (!known && start.resume)
        return { code: 1, message: 'The command is no longer known: the agent of the workspace was started anew.' }
      const call = known ?? (await started(start))
      if ('code' in call) return call
      const attached = call.attach(reader, start.offset, by)
      if (!known) ports.onStarted(call)
      return attached ? call : { code: 1, message: 'Output that was not read is no longer there.' }
    },
    forget(id) {
      if (calls.get(id)?.exited) calls.delete(id)
    },
    list: () => [...calls.values()].map((call) => call.seen),
    signal(id, name) {
      const call = calls.get(id)
      call?.signal(name)
      return call !== undefined
    },
    async endAll(graceMs) {
      const living = [...calls.values()].filter((call) => !call.exited)
      // A shell at a terminal ignores TERM; it goes when its terminal hangs up.
      for (const call of living) {
        call.signal('SIGTERM')
        call.signal('SIGHUP')
      }
      await Promise.race([Promise.all(living.map((call) => call.ended)), clock.sleep(graceMs)])
      for (const call of living) if (!call.exited) call.signal('SIGKILL')
    },
    linkedAgain() {
      linkedAt = clock.now()
    },
  }
}
