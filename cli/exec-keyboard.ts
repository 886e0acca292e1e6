import type { ReadStream, WriteStream } from 'node:tty'
import type { PtySize } from '../agent/protocol.ts'
import type { ExecCall } from './exec-call.ts'

/** The streams of this process, or what stands in for them. */
export interface ExecIo {
  readonly stdin: NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>
  readonly stdout: NodeJS.WritableStream & Partial<Pick<WriteStream, 'columns' | 'rows'>>
  readonly stderr: NodeJS.WritableStream
}

const ALMOST_EVERY_TERMINAL: PtySize = { cols: 80, rows: 24 }
const CTRL_C = 3

export const sizeOfTerminal = ({ stdout }: ExecIo): PtySize => ({
  cols: stdout.columns || ALMOST_EVERY_TERMINAL.cols,
  rows: stdout.rows || ALMOST_EVERY_TERMINAL.rows,
})

/** Signals that ask this program to end: the command is asked in their stead. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/**
 * Passes on what is typed, the size of the terminal and signals. `leave` is called when the person presses Ctrl-C while
 * there is nobody to pass it to. Answers how to give the terminal back.
 */
export function passOn(io: ExecIo, call: ExecCall, tty: boolean, connected: () => boolean, leave: (code: number) => void): () => void {
  const raw = tty && io.stdin.isTTY === true
  const onData = (data: Buffer | string) => {
    const bytes = Buffer.from(data)
    if (raw && !connected() && bytes.includes(CTRL_C)) leave(130)
    else call.input(bytes)
  }
  const onEnd = () => call.endInput()
  const onResize = () => call.resize(sizeOfTerminal(io))
  const onSignal = (name: NodeJS.Signals) => {
    if (connected()) call.signal(name)
    else leave(name === 'SIGINT' ? 130 : 143)
  }

  if (raw) io.stdin.setRawMode?.(true)
  io.stdin.on('data', onData)
  io.stdin.on('end', onEnd)
  if (tty) io.stdout.on('resize', onResize)
  for (const name of PASSED_ON) process.on(name, onSignal)
  return () => {
    if (raw) io.stdin.setRawMode?.(false)
    io.stdin.off('data', onData)
    io.stdin.off('end', onEnd)
    io.stdout.off('resize', onResize)
    for (const name of PASSED_ON) process.off(name, onSignal)
    io.stdin.pause()
  }
}
