import { accessSync, constants, statSync } from 'node:fs'
import { basename, delimiter, join, resolve } from 'node:path'
import type { AgentEnvironment } from './environment.ts'
import type { ExecRefused, ExecStart, Manifest } from './protocol.ts'

export interface Command {
  readonly argv: readonly [string, ...string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** What a call really runs. Refused in a sentence before anything starts, with the exit code a shell would give. */
export function commandOf(
  start: Pick<ExecStart, 'argv' | 'cwd' | 'env' | 'tty'>,
  manifest: Manifest,
  base: AgentEnvironment,
): Command | ExecRefused {
  const env: Record<string, string> = { ...base.inherited, HOME: base.home, ...manifest.env, ...start.env }
  if (start.tty) env['TERM'] = start.env['TERM'] ?? 'xterm-256color'
  const asked = start.cwd === null ? null : resolve(base.home, start.cwd)
  if (asked !== null && !isFolder(asked)) return { code: 126, message: `There is no folder ${asked} in the workspace.` }
  const cwd = asked ?? workingFolder(manifest, base)
  const [program, ...args] = start.argv.length > 0 ? start.argv : loginShell(base)
  if (!program) return { code: 126, message: 'The name of the program is empty.' }
  const found = findProgram(program, env['PATH'] ?? '', cwd)
  if (found === null) return { code: 127, message: `There is no program ${program} in the workspace.` }
  // By its own name where the search would find the same: programs look at argv[0].
  return { argv: [program.includes('/') ? found : program, ...args], cwd, env }
}

/** The template's folder, when it is there already; the home folder otherwise; where a user has none, the root, as sshd does. */
export function workingFolder(manifest: Manifest, base: AgentEnvironment): string {
  const dir = resolve(base.home, manifest.dir.replace(/^~(?=\/|$)/, base.home).replace(/^\$HOME(?=\/|$)/, base.home))
  return [dir, base.home].find(isFolder) ?? '/'
}

const loginShell = (base: AgentEnvironment): string[] => [base.shell, ...(LOGIN_SHELLS.has(basename(base.shell)) ? ['-l'] : [])]

const LOGIN_SHELLS: ReadonlySet<string> = new Set(['ash', 'bash', 'dash', 'fish', 'ksh', 'sh', 'zsh'])

export function findProgram(program: string, path: string, cwd: string): string | null {
  const candidates = program.includes('/') ? [resolve(cwd, program)] : path.split(delimiter).map((folder) => join(folder || '.', program))
  return candidates.find(isExecutable) ?? null
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
