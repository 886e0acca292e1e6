import type { Clock } from '../controller/kernel/clock.ts'
import { createCall, type Call, type Reader } from './call.ts'
import type { AgentEnvironment } from './environment.ts'
import type { CommandSeen, ExecRefused, ExecStart, Manifest } from './protocol.ts'
import { spawnInPty } from './pty.ts'
import { commandOf, findProgram } from './resolve-command.ts'
import { spawnPiped, type Spawn } from './spawn.ts'

/** Every command that runs or whose exit nobody has read yet, by the id its client chose. */
export interface Calls {
  /** Starts the command, or joins the one of this id. */
  join(start: ExecStart, reader: Reader): Promise<Call | ExecRefused>
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
/** After the process itself ended, something it started may hold its output open for ever. */
const PIPES_LIMIT_MS = 10_000

export interface CallsPorts {
  readonly environment: AgentEnvironment
  readonly manifest: () => Manifest
  readonly linked: () => boolean
  readonly clock: Clock
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

  const startOne = async (start: ExecStart): Promise<Call | ExecRefused> => {
    if (!makeRoom()) return { code: 126, message: `${CALLS_MAX} commands run in this workspace already; none was started.` }
    const command = commandOf(start, ports.manifest(), ports.environment)
    if ('code' in command) return command
    const wanted: Spawn = { ...command, stdin: start.stdin, pipesLimit: (late) => void clock.after(PIPES_LIMIT_MS, late) }
    if (!start.tty) return createCall(start, spawnPiped(wanted), '', clock)
    const find = (program: string) => findProgram(program, command.env['PATH'] ?? '', command.cwd)
    const pty = await spawnInPty(wanted, start.tty, clock, find)
    return pty ? createCall(start, pty, pty.lost, clock) : { code: 126, message: NO_PTY }
  }

  const started = (start: ExecStart): Promise<Call | ExecRefused> => {
    const already = starting.get(start.id)
    if (already) return already
    const made = startOne(start)
      .then((call) => {
        if (!('code' in call)) calls.set(start.id, call)
        return call
      })
      .finally(() => starting.delete(start.id))
    starting.set(start.id, made)
    return made
  }

  return {
    async join(start, reader) {
      const known = calls.get(start.id)
      if (!known && start.resume)
        return { code: 1, message: 'The command is no longer known: the agent of the workspace was started anew.' }
      const call = known ?? (await started(start))
      if ('code' in call) return call
      const attached = call.attach(reader, start.offset)
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

const NO_PTY = 'This workspace has no terminal to give: the native module does not load here, and neither python3 nor script is installed.'
