import { fromIso, toIso, type Instant } from '../controller/kernel/clock.ts'
import { humanDuration } from '../controller/kernel/durations.ts'
import { EXIT } from './failure.ts'
import { field, textOf } from './json.ts'
import { pathOfRef, refOf } from './objects.ts'
import type { Run, Session } from './session.ts'
import { tableLines } from './table.ts'

interface Row {
  readonly at: Instant | null
  readonly stage: string
  readonly level: string
  readonly text: string
}

interface Stage {
  readonly name: string
  readonly firstAt: Instant
  lastAt: Instant
  lines: number
}

export const run: Run = async (session, args, options) => {
  const workspace = refOf(args[0] ?? '', session.namespace, 'workspace')
  const build = options.whole('build')
  const query = { build: build === null ? undefined : String(build), follow: options.flag('follow') ? 'true' : undefined }
  const stages: Stage[] = []
  const signal = session.interrupted()
  try {
    for await (const line of session.client().lines(pathOfRef(workspace, 'log'), { query, signal })) {
      const row = rowOf(line)
      if (options.flag('timings')) count(stages, row)
      else if (session.output === 'json') session.terminal.out(JSON.stringify(line))
      else print(session, row)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  if (options.flag('timings')) printTimings(session, stages)
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

/** A template's output may hold escape codes; colours are let through on a terminal, nothing else is. */
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const UNSAFE = /\u001b\[[0-9;]*[A-LN-Za-ln-z]|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f]|\u001b(?!\[[0-9;]*m)/g

function print({ terminal }: Session, { at, stage, level, text }: Row): void {
  const time = at === null ? '' : `${toIso(at).slice(11, 19)} `
  const head = terminal.style('dim', `${time}${stage.padEnd(8)} `)
  const body = text.replaceAll(UNSAFE, '')
  terminal.out(head + (level === 'error' ? terminal.style('red', body) : level === 'warn' ? terminal.style('yellow', body) : body))
}

function count(stages: Stage[], { at, stage }: Row): void {
  if (at === null) return
  const last = stages.at(-1)
  if (last?.name === stage) {
    last.lastAt = at
    last.lines += 1
  } else stages.push({ name: stage, firstAt: at, lastAt: at, lines: 1 })
}

/** A stage lasts until the next one begins. */
function printTimings({ terminal, output }: Session, stages: readonly Stage[]): void {
  const timed = stages.map((stage, i) => ({
    stage: stage.name,
    ms: (stages[i + 1]?.firstAt ?? stage.lastAt) - stage.firstAt,
    lines: stage.lines,
  }))
  if (output === 'json') return terminal.out(JSON.stringify(timed))
  const rows = timed.map(({ stage, ms, lines }) => [stage, humanDuration(ms), String(lines)])
  for (const line of tableLines([{ name: 'STAGE', whole: true }, { name: 'TOOK' }, { name: 'LINES' }], rows, terminal.columns))
    terminal.out(line)
}
