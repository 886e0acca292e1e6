import type { Clock } from '../controller/kernel/clock.ts'
import { createCall, type Call } from './call.ts'
import type { AgentEnvironment } from './environment.ts'
import type { ExecRefused, ExecStart, Manifest } from './protocol.ts'
import { spawnInPty } from './pty.ts'
import { commandOf, findProgram } from './resolve-command.ts'
import { spawnPiped, type Spawn } from './spawn.ts'

export interface CommandPorts {
  readonly environment: AgentEnvironment
  readonly manifest: () => Manifest
  readonly clock: Clock
}

/** After the process itself ended, something it started may hold its output open for ever. */
const PIPES_LIMIT_MS = 10_000

/** With a terminal or with pipes, as it was asked for. */
export async function startCommand(start: ExecStart, { environment, manifest, clock }: CommandPorts): Promise<Call | ExecRefused> {
  const command = commandOf(start, manifest(), environment)
  if ('code' in command) return command
  const wanted: Spawn = { ...command, stdin: start.stdin, pipesLimit: (late) => void clock.after(PIPES_LIMIT_MS, late) }
  if (!start.tty) return createCall(start, spawnPiped(wanted), '', clock)
  const find = (program: string) => findProgram(program, command.env['PATH'] ?? '', command.cwd)
  const pty = await spawnInPty(wanted, start.tty, clock, find)
  return pty ? createCall(start, pty, pty.lost, clock) : { code: 126, message: NO_PTY }
}

const NO_PTY = 'This workspace has no terminal to give: the native module does not load here, and neither python3 nor script is installed.'
