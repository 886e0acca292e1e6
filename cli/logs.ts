import { fromIso, toIso, type Instant } from '../controller/kernel/clock.ts'
import { plain } from '../controller/kernel/plain.ts'
import { EXIT } from './failure.ts'
import { field, textOf } from './json.ts'
import { pathOfRef, refOf } from './objects.ts'
import type { Run, Session } from './session.ts'
import { printTimings } from './timings.ts'

interface Row {
  readonly at: Instant | null
  readonly stage: string
  readonly level: string
  readonly text: string
}

export const run: Run = async (session, args, options) => {
  const workspace = refOf(args[0] ?? '', session.namespace, 'workspace')
  const build = options.whole('build')
  const query = {
    build: build === null ? undefined : String(build),
    follow: options.flag('follow') ? 'true' : undefined,
    // Of one build, or timed, the log ends with it.
    agents: options.flag('follow') && build === null && !options.flag('timings') ? 'true' : undefined,
    agent: options.text('agent') ?? undefined,
    source: options.text('source') ?? undefined,
  }
  if (options.flag('timings')) {
    await printTimings(session, workspace, build)
    return EXIT.done
  }
  const signal = session.interrupted()
  try {
    for await (const line of session.client().lines(pathOfRef(workspace, 'log'), { query, signal })) {
      const row = rowOf(line)
      if (session.output === 'json') session.terminal.out(JSON.stringify(line))
      else print(session, row)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return EXIT.done
}

function rowOf(line: unknown): Row {
  const at = field(line, 'at')
  return {
    at: typeof at === 'number' ? at : fromIso(textOf(at)),
    stage: textOf(field(line, 'stage')) ?? '',
    level: textOf(field(line, 'level')) ?? 'info',
    text: textOf(field(line, 'text')) ?? '',
  }
}

/** A template's output may hold escape codes; colours are let through on a terminal, and end with their line. Nothing else is. */
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const UNSAFE = /\u001b\[[0-9;]*[A-LN-Za-ln-z]|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]|\u001b(?!\[[0-9;]*m)/g

export function lineText(text: string): string {
  const body = text.replaceAll(UNSAFE, '')
  return body.includes('\u001b') ? `${body}\u001b[0m` : body
}

function print({ terminal }: Session, { at, stage, level, text }: Row): void {
  const time = at === null ? '' : `${toIso(at).slice(11, 19)} `
  // A stage has the name that an agent gave to what spoke.
  const head = terminal.style('dim', `${time}${plain(stage).padEnd(8)} `)
  const body = lineText(text)
  terminal.out(head + (level === 'error' ? terminal.style('red', body) : level === 'warn' ? terminal.style('yellow', body) : body))
}
