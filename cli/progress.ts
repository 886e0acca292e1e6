import { humanDuration } from '../controller/kernel/durations.ts'
import type { Cancel, Clock } from '../controller/kernel/clock.ts'
import type { Terminal } from './terminal.ts'

/** What is going on, while it goes on: a spinner with the time it has taken on a terminal, a line a step otherwise. */
export interface Progress {
  step(text: string): void
  /** Ends the spinner; `text` is the last line. */
  end(text?: string): void
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const
const FRAME_MS = 100
const CLEAR_LINE = '\r\u001B[2K'

export function createProgress(terminal: Terminal, clock: Clock): Progress {
  if (terminal.quiet) return { step: () => {}, end: () => {} }
  return terminal.draws ? spinner(terminal, clock) : lines(terminal)
}

function lines(terminal: Terminal): Progress {
  let last = ''
  const step = (text: string) => {
    if (text !== last) terminal.err(text)
    last = text
  }
  return { step, end: (text) => text !== undefined && step(text) }
}

function spinner(terminal: Terminal, clock: Clock): Progress {
  const startedAt = clock.elapsedMs()
  let text = ''
  let frame = 0
  let cancel: Cancel | null = null

  const draw = () => {
    const elapsed = humanDuration(clock.elapsedMs() - startedAt)
    const line = `${FRAMES[frame % FRAMES.length]} ${text}`
    const room = terminal.drawColumns - elapsed.length - 2
    terminal.draw(`${CLEAR_LINE}${line.length > room ? `${line.slice(0, room - 1)}…` : line} ${elapsed}`)
    frame += 1
    cancel = clock.after(FRAME_MS, draw)
  }

  return {
    step(next) {
      text = next
      cancel?.()
      draw()
    },
    end(last) {
      cancel?.()
      terminal.draw(CLEAR_LINE)
      if (last !== undefined) terminal.err(last)
    },
  }
}
