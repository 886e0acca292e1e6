import { humanDuration } from '../controller/kernel/durations.ts'
import { field, listOf, textOf } from './json.ts'
import { pathOfRef, type Ref } from './objects.ts'
import type { Session } from './session.ts'
import { tableLines } from './table.ts'

/** Where the time of a build went: its stages in order, then the resources that took longest. */
export async function printTimings(session: Session, workspace: Ref, build: number | null): Promise<void> {
  const { terminal, output } = session
  const query = { build: build === null ? undefined : String(build) }
  const seen = await session.client().request('GET', pathOfRef(workspace, 'timings'), { query })
  if (output === 'json') return terminal.out(JSON.stringify(seen))
  const waited = field(seen, 'waitedMs')
  const stages = [
    ...(typeof waited === 'number' ? [['Queued', humanDuration(waited)]] : []),
    ...listOf(field(seen, 'stages')).map((stage) => [textOf(field(stage, 'stage')) ?? '', took(stage)]),
  ]
  const resources = listOf(field(seen, 'resources')).map((each) => [
    textOf(field(each, 'address')) ?? '',
    field(each, 'failed') === true ? `${textOf(field(each, 'action')) ?? ''} failed` : (textOf(field(each, 'action')) ?? ''),
    took(each),
  ])
  for (const line of tableLines([{ name: 'STAGE', whole: true }, { name: 'TOOK' }], stages, terminal.columns)) terminal.out(line)
  if (resources.length === 0) return
  terminal.out('')
  for (const line of tableLines([{ name: 'RESOURCE', whole: true }, { name: 'DID' }, { name: 'TOOK' }], resources, terminal.columns))
    terminal.out(line)
}

const took = (each: unknown): string => humanDuration(Number(field(each, 'ms') ?? 0))
