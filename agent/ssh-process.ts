import type { Clock } from '../controller/kernel/clock.ts'
import type { AgentEnvironment } from './environment.ts'
import type { Command } from './resolve-command.ts'
import { spawnInPty } from './pty.ts'
import type { ExecExit, ExecRefused, PtySize } from './protocol.ts'
import { findProgram } from './resolve-command.ts'
import { spawnPiped, type Running } from './spawn.ts'
import { createFlow, type Transport } from './ssh-flow.ts'
import type { ServerChannel } from './ssh-library.ts'

/** A process and the channel it was started for. */
export interface SshProcess {
  readonly running: Running
  readonly tty: boolean
  readonly startedAt: number
  /** When the person last typed something. */
  readonly typedAt: () => number | null
}

export interface ProcessPorts {
  readonly environment: AgentEnvironment
  readonly clock: Clock
  readonly transport: Transport
}

/** After the process itself ended, something it started may hold its output open for ever. */
const PIPES_LIMIT_MS = 10_000

interface Started {
  readonly running: Running
  readonly lost: string
  /** Lets go of its pipes, as sshd does when the person is gone: who writes then ends, who runs in the background goes on. */
  readonly leave: () => void
}

export async function startProcess(command: Command, size: PtySize | null, clock: Clock): Promise<Started | ExecRefused> {
  const wanted = { ...command, stdin: true, pipesLimit: (late: () => void) => void clock.after(PIPES_LIMIT_MS, late) }
  if (!size) {
    const running = spawnPiped(wanted)
    return { running, lost: '', leave: running.leave }
  }
  const pty = await spawnInPty(wanted, size, clock, (program) => findProgram(program, command.env['PATH'] ?? '', command.cwd))
  if (!pty)
    return {
      code: 126,
      message: 'There is no terminal to give here: the native module does not load, and neither python3 nor script is installed.',
    }
  return { running: pty, lost: pty.lost, leave: () => pty.signal('SIGHUP') }
}

/** Joins them until the process ends or the channel is closed. */
export function joinProcess(
  channel: ServerChannel,
  { running, leave }: Started,
  tty: boolean,
  { clock, transport }: ProcessPorts,
): SshProcess {
  const flow = createFlow(transport, running)
  let typedAt: number | null = null
  let over = false
  running.onOutput((kind, data) => {
    if (!over) flow.write(kind === 'stdout' ? channel : channel.stderr, data)
  })
  channel.on('data', (data: Buffer) => {
    typedAt = clock.now()
    channel.pause()
    void running.write(data).then(() => channel.resume())
  })
  channel.resume()
  // Who is at a terminal says that nothing more comes by typing it; an end of the channel is the end of the person.
  channel.on('end', () => {
    if (!tty) running.endInput()
  })
  channel.on('error', () => {})
  channel.stderr.on('error', () => {})
  channel.on('close', () => {
    if (over) return
    over = true
    leave()
  })
  const end = ({ code, signal }: ExecExit) => {
    if (over) return
    flow.whenEmpty(() => {
      over = true
      if (signal) channel.exit(signal.replace(/^SIG/, ''), false, '')
      else channel.exit(code)
      channel.end()
    })
  }
  void running.ended.then(end)
  return { running, tty, startedAt: clock.now(), typedAt: () => typedAt }
}
