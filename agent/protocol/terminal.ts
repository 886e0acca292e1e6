import type { PtySize } from './frames.ts'

/**
 * A terminal in a workspace that several people may look at, and that outlives each of them: `…/workspaces/NAME/terminal`,
 * a WebSocket or `Upgrade: bothy-raw`, with the frames of exec ([type u8][length u32be][payload]).
 *
 *   viewer: start `TerminalStart`, then stdin [offset u64][bytes], resize [cols u16][rows u16], signal NAME, done
 *   agent:  started `TerminalStarted`, then stdout [offset u64][bytes]*, stdinAck [offset u64]*, exit `ExecExit` | refused `ExecRefused`
 *
 * stdin is counted from 0 on each stream; at most STDIN_WINDOW_BYTES may be sent beyond what was acknowledged. stdout is
 * counted from the terminal's beginning: whoever comes back gives the offset up to which it has the output, and goes on
 * there. `started` may come again: then the viewer was too slow, or what it had is gone, and `reset` tells it to clear its
 * screen, since what follows is the scroll-back from a line's beginning. `done` leaves the terminal as it is; a signal goes
 * to the terminal's session leader, and SIGHUP or SIGKILL end it. The size is that of the viewer who typed, came or
 * resized last. Nothing needs to be acknowledged by the viewer: who reads slowly is waited for a while, and then left behind.
 */
export interface TerminalStart {
  /** Chosen by the client: the same id is the same terminal. */
  readonly id: string
  readonly size: PtySize
  /** false: join only, never start one. */
  readonly create: boolean
  /** Program and arguments of a new one; empty: a login shell. */
  readonly argv: readonly string[]
  readonly cwd: string | null
  readonly env: Readonly<Record<string, string>>
  /** Output that the viewer has already; null: it has none, and gets the scroll-back. */
  readonly offset: number | null
}

export interface TerminalStarted {
  readonly pid: number
  /** What does not work in this terminal; empty: everything does. */
  readonly lost: string
  /** Of the first byte of output that follows. */
  readonly offset: number
  /** Clear the screen first. */
  readonly reset: boolean
  /** Write this before the output: it stands for output that is gone, and is not counted. */
  readonly preamble: string
}

export interface TerminalSeen {
  readonly id: string
  readonly pid: number
  readonly argv: readonly string[]
  readonly startedAt: number
  readonly viewers: number
  readonly size: PtySize
}

/** Scroll-back that is kept of each terminal. */
export const SCROLLBACK_BYTES = 512 * 1024
export const TERMINALS_MAX = 64
export const VIEWERS_MAX = 32
