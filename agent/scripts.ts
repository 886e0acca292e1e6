import { chmod, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { StringDecoder } from 'node:string_decoder'
import type { Cancel, Clock } from '../controller/kernel/clock.ts'
import { messageOf } from '../controller/kernel/errors.ts'
import { humanDuration } from '../controller/kernel/durations.ts'
import { openLogFile, type LogFile } from './log-file.ts'
import { LOG_LINE_LENGTH_MAX, type ManifestScript } from './protocol.ts'
import type { Reports } from './reports.ts'
import { spawnPiped, type Running } from './spawn.ts'

export type ScriptExit = 'ok' | 'failed' | 'timed_out' | 'pipes_left_open'

export interface ScriptEnd {
  readonly name: string
  readonly exit: ScriptExit
  readonly message: string
}

export interface ScriptPorts {
  readonly cwd: () => string
  readonly env: () => Readonly<Record<string, string>>
  readonly home: string
  readonly reports: Reports
  readonly clock: Clock
  /** Told of each process, so that a shutdown can end what a script left running. */
  readonly onStarted: (running: Running) => void
}

/** After the script itself ended: what it left running in the background may hold its output open for ever. */
const PIPES_LIMIT_MS = 10_000
const KILL_AFTER_MS = 5000

export async function runScript(script: ManifestScript, limitMs: number, ports: ScriptPorts): Promise<ScriptEnd> {
  const { reports, clock } = ports
  const ended = (exit: ScriptExit, message: string): ScriptEnd => {
    if (message) reports.log(script.name, exit === 'pipes_left_open' ? 'warn' : 'error', message)
    return { name: script.name, exit, message }
  }
  const startedAt = clock.elapsedMs()
  let file: string | null = null
  let logFile: LogFile | null = null
  let cancel: Cancel | null = null
  try {
    file = await scriptFile(script.script)
    const running = spawnPiped({
      argv: file ? [file] : ['/bin/sh', '-c', script.script],
      cwd: ports.cwd(),
      env: ports.env(),
      stdin: false,
      pipesLimit: (late) => {
        cancel?.()
        clock.after(PIPES_LIMIT_MS, late)
      },
    })
    ports.onStarted(running)
    const kept = script.logPath ? (logFile = openLogFile(script.logPath, ports.home)) : null
    running.onOutput((_kind, data) => kept?.write(data))
    const flush = logLines(running, (text, level) => reports.log(script.name, level, text))
    let timedOut = false
    cancel = clock.after(limitMs, () => {
      timedOut = true
      running.signal('SIGTERM')
      clock.after(KILL_AFTER_MS, () => running.signal('SIGKILL'))
    })
    const how = await running.ended
    flush()
    if (timedOut) return ended('timed_out', `did not end within ${humanDuration(limitMs)}`)
    if (how.code !== 0) return ended('failed', how.signal ? `was ended by ${how.signal}` : `exited with ${how.code}`)
    if (how.pipesLeftOpen) return ended('pipes_left_open', 'ended, and left something running that holds its output open')
    reports.log(script.name, 'info', `done in ${humanDuration(clock.elapsedMs() - startedAt)}`)
    return ended('ok', '')
  } catch (error) {
    return ended('failed', `could not be started: ${messageOf(error)}`)
  } finally {
    await logFile?.end()
    if (file) await rm(file, { force: true })
  }
}

/** A script that names its interpreter is run by it, which takes a file. */
export async function scriptFile(script: string): Promise<string | null> {
  if (!script.startsWith('#!')) return null
  const file = join(tmpdir(), `bothy-script-${randomUUID()}`)
  await writeFile(file, script, { mode: 0o700, flag: 'wx' })
  await chmod(file, 0o700)
  return file
}

/** Calls `onLine` for each line; a line without an end is cut where it gets too long. Returns what to call at the end. */
function logLines(running: Running, onLine: (text: string, level: 'info' | 'warn') => void): () => void {
  const rest = { stdout: '', stderr: '' }
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }
  const levels = { stdout: 'info', stderr: 'warn' } as const
  running.onOutput((kind, data) => {
    const lines = (rest[kind] + decoders[kind].write(data)).split('\n')
    rest[kind] = lines.pop() ?? ''
    for (const line of lines) onLine(line.trimEnd(), levels[kind])
    while (rest[kind].length > LOG_LINE_LENGTH_MAX) {
      onLine(rest[kind].slice(0, LOG_LINE_LENGTH_MAX), levels[kind])
      rest[kind] = rest[kind].slice(LOG_LINE_LENGTH_MAX)
    }
  })
  return () => {
    for (const kind of ['stdout', 'stderr'] as const) if (rest[kind]) onLine(rest[kind], levels[kind])
  }
}
