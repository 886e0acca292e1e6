import type { Clock } from '../controller/kernel/clock.ts'
import { createCall, type Call } from './call.ts'
import type { AgentEnvironment } from './environment.ts'
import type { ExecRefused, ExecStart, Manifest } from './protocol.ts'
import { spawnInPty } from './pty.ts'
import { commandOf, findProgram } from './resolve-command.ts'
import { spawnPiped, type Running, type Spawn } from './spawn.ts'

export interface CommandPorts {
  readonly environment: AgentEnvironment
  readonly manifest: () => Manifest
  readonly clock: Clock
}

/** After the process itself ended, something it started may hold its output open for ever. */
const PIPES_LIMIT_MS = 10_000

export type Asked = Pick<ExecStart, 'argv' | 'cwd' | 'env' | 'tty' | 'stdin'>

export interface Started {
  readonly running: Running
  readonly argv: readonly string[]
  /** What does not work in it. */
  readonly lost: string
}

/** With a terminal or with pipes, as it was asked for. */
export async function startProcess(asked: Asked, { environment, manifest, clock }: CommandPorts): Promise<Started | ExecRefused> {
  const command = commandOf(asked, manifest(), environment)
  if ('code' in command) return command
  const { argv } = command
  const wanted: Spawn = { ...command, stdin: asked.stdin, pipesLimit: (late) => void clock.after(PIPES_LIMIT_MS, late) }
  if (!asked.tty) return { running: spawnPiped(wanted), argv, lost: '' }
  const find = (program: string) => findProgram(program, command.env['PATH'] ?? '', command.cwd)
  const pty = await spawnInPty(wanted, asked.tty, clock, find)
  return pty ? { running: pty, argv, lost: pty.lost } : { code: 126, message: NO_PTY }
}

export async function startCommand(start: ExecStart, ports: CommandPorts): Promise<Call | ExecRefused> {
  const started = await startProcess(start, ports)
  return 'code' in started ? started : createCall(start, started.running, started.lost, ports.clock)
}

const NO_PTY = 'This workspace has no terminal to give: the native module does not load here, and neither python3 nor script is installed.'
