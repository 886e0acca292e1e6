import type { ExecRefused, TerminalSeen, TerminalStart } from './protocol.ts'
import { TERMINALS_MAX, VIEWERS_MAX } from './protocol.ts'
import { startProcess, type CommandPorts } from './start-command.ts'
import { createTerminal, type Terminal } from './terminal.ts'
import type { Viewer } from './terminal-viewers.ts'

/** Every terminal of the workspace, by the id its first viewer chose. */
export interface Terminals {
  /** Starts one, or joins the one of this id. */
  join(start: TerminalStart, viewer: Viewer): Promise<Terminal | ExecRefused>
  list(): readonly TerminalSeen[]
  signal(id: string, name: NodeJS.Signals): boolean
  /** HUP, and KILL for what is left after `graceMs`. */
  endAll(graceMs: number): Promise<void>
  /** Those whose viewers were lost while the control plane was away get their time from now. */
  linkedAgain(): void
}

const ALONE_LIMIT_MS = 5 * 60_000
const KILL_AFTER_MS = 30_000
const LOOK_EVERY_MS = 15_000

export interface TerminalsPorts extends CommandPorts {
  readonly linked: () => boolean
  readonly onStarted: (terminal: Terminal) => void
}

export function createTerminals(ports: TerminalsPorts): Terminals {
  const { clock } = ports
  const terminals = new Map<string, Terminal>()
  const starting = new Map<string, Promise<Terminal | ExecRefused>>()
  let linkedAt = clock.now()

  const look = () => {
    for (const terminal of terminals.values()) {
      if (terminal.aloneSince === null || !ports.linked()) continue
      const aloneMs = clock.now() - Math.max(terminal.aloneSince, linkedAt)
      if (aloneMs >= ALONE_LIMIT_MS) terminal.signal(aloneMs < ALONE_LIMIT_MS + KILL_AFTER_MS ? 'SIGHUP' : 'SIGKILL')
    }
    clock.after(LOOK_EVERY_MS, look)
  }
  clock.after(LOOK_EVERY_MS, look)

  const start = async ({ id, argv, cwd, env, size }: TerminalStart): Promise<Terminal | ExecRefused> => {
    if (terminals.size + starting.size >= TERMINALS_MAX)
      return { code: 126, message: `${TERMINALS_MAX} terminals are open in this workspace already; none was opened.` }
    const made = await startProcess({ argv, cwd, env, tty: size, stdin: true }, ports)
    if ('code' in made) return made
    const terminal = createTerminal({ ...made, id, size }, clock)
    terminals.set(id, terminal)
    // Whoever comes after its end gets a new one.
    void terminal.ended.finally(() => terminals.delete(id))
    ports.onStarted(terminal)
    return terminal
  }
  const started = (asked: TerminalStart): Promise<Terminal | ExecRefused> => {
    const already = starting.get(asked.id)
    if (already) return already
    if (!asked.create)
      return Promise.resolve({ code: 1, message: 'There is no such terminal any more: it ended, or was left for too long.' })
    const made = start(asked).finally(() => starting.delete(asked.id))
    starting.set(asked.id, made)
    return made
  }

  return {
    async join(asked, viewer) {
      const terminal = terminals.get(asked.id) ?? (await started(asked))
      if ('code' in terminal) return terminal
      if (terminal.seen.viewers >= VIEWERS_MAX) return { code: 1, message: `${VIEWERS_MAX} people look at this terminal already.` }
      terminal.attach(viewer, asked.size, asked.offset)
      return terminal
    },
    list: () => [...terminals.values()].map(({ seen }) => seen),
    signal(id, name) {
      const terminal = terminals.get(id)
      terminal?.signal(name)
      return terminal !== undefined
    },
    async endAll(graceMs) {
      const living = [...terminals.values()]
      for (const terminal of living) terminal.signal('SIGHUP')
      await Promise.race([Promise.all(living.map(({ ended }) => ended)), clock.sleep(graceMs)])
      for (const terminal of living) terminal.signal('SIGKILL')
    },
    linkedAgain() {
      linkedAt = clock.now()
    },
  }
}
