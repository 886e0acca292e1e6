import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isOurs, typeIn } from '../controller/kernel/addresses.ts'
import { toIso, fromIso } from '../controller/kernel/clock.ts'
import { Misconfigured } from '../controller/kernel/errors.ts'
import { EXIT, Failure, usage, type ExitCode } from './failure.ts'
import { field, isRecord, listOf, textOf } from './json.ts'
import { pathOfRef, refOf } from './objects.ts'
import type { Options } from './options.ts'
import type { Run, Session } from './session.ts'
import { tableLines } from './table.ts'

/** `bothy template validate|preview|versions`. A folder is read here, by the terraform of this machine; a name is asked of the control plane. */

export const run: Run = async (session, [what = '', template = ''], options) => {
  const action = Object.hasOwn(ACTIONS, what) ? ACTIONS[what] : undefined
  if (!action) throw usage(`a template is not "${what}"`, `${session.environment.program} template validate, preview or versions`)
  return action(session, template, options)
}

type Action = (session: Session, template: string, options: Options) => Promise<ExitCode>

const validate: Action = async (session, folder, options) => {
  const { validateTemplate } = await import('../controller/main.ts')
  const { digest, problems, learnt } = await onThisMachine(() => validateTemplate(folderNamed(folder), pairs(options, 'var')))
  if (session.output === 'json') session.terminal.out(JSON.stringify({ valid: learnt !== null, digest, problems, ...learnt }, null, 2))
  else if (!learnt) for (const line of problems.flatMap((problem) => fromHere(folder, problem))) session.terminal.out(line)
  else {
    const { parameters, presets, facts } = learnt
    session.terminal.out(`${folder} can be imported: ${counted(parameters.length, 'parameter')}, ${counted(presets.length, 'preset')}`)
    told(session, 'outlives a stop', (facts?.persistent ?? []).filter(isThing))
    told(session, 'goes with a stop', facts?.ephemeral ?? [])
    told(session, 'needs', facts?.providers.map(({ source, constraints }) => `${source} ${constraints}`.trim()) ?? [])
    if (facts?.conditional) session.terminal.out('what it asks depends on the answers: see template preview')
  }
  return learnt ? EXIT.done : EXIT.didNotBecomeSo
}

/** A line for each place. A template's own are within its folder; whoever clicks one is outside. */
const fromHere = (folder: string, problem: string): string[] =>
  problem.split(/; (?=[^\s:]+:\d+:\d+: )/).map((each) => (/^[^\s:]+:\d+:\d+: /.test(each) ? join(folder, each) : each))

/** What only describes agents and what belongs to them is nothing that somebody could lose. */
const isThing = (address: string): boolean => !isOurs(typeIn(address)) || /_(process|container|pod)$/.test(typeIn(address))

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

function told({ terminal }: Session, what: string, things: readonly string[]): void {
  if (things.length > 0) terminal.out(`${what}: ${things.join(', ')}`)
}

interface Previewed {
  readonly parameters: readonly {
    readonly name: string
    readonly value: string | null
    readonly error: string | null
    readonly type: string
    readonly options: readonly { readonly value: string }[]
  }[]
  readonly problems: readonly { readonly message: string }[]
}

const preview: Action = async (session, template, options) => {
  const [values, preset] = [pairs(options, 'param'), options.text('preset')]
  const answer = isFolder(template)
    ? await previewHere(template, options, values, preset)
    : await previewThere(session, template, options, values, preset)
  if (session.output === 'json') session.terminal.out(JSON.stringify(answer, null, 2))
  else {
    const rows = answer.parameters.map(({ name, value, type, options: offered, error }) => [
      name,
      value ?? '',
      offered.length > 0 ? offered.map((option) => option.value).join(' | ') : type,
      error ?? '',
    ])
    const headings = [{ name: 'PARAMETER', whole: true }, { name: 'VALUE' }, { name: 'TAKES' }, { name: 'WRONG' }]
    for (const line of tableLines(headings, rows, session.terminal.columns)) session.terminal.out(line)
    for (const { message } of answer.problems) session.terminal.out(message)
  }
  return answer.problems.length > 0 || answer.parameters.some(({ error }) => error !== null) ? EXIT.didNotBecomeSo : EXIT.done
}

async function previewHere(
  folder: string,
  options: Options,
  values: Readonly<Record<string, string>>,
  preset: string | null,
): Promise<Previewed> {
  const { previewTemplate } = await import('../controller/main.ts')
  const { problems, preview: answer } = await onThisMachine(() => previewTemplate(folder, pairs(options, 'var'), values, preset))
  if (answer) return answer
  throw new Failure(EXIT.didNotBecomeSo, {
    what: `${folder} cannot be evaluated`,
    where: problems.flatMap((problem) => fromHere(folder, problem)).join('\n  '),
    fix: 'mend it: template validate says all that is wrong',
  })
}

async function previewThere(
  session: Session,
  name: string,
  options: Options,
  parameters: Readonly<Record<string, string>>,
  preset: string | null,
): Promise<Previewed> {
  const ref = refOf(name, session.namespace, 'template')
  const digest = options.text('digest')
  const body = { parameters, ...(preset === null ? {} : { preset }), ...(digest === null ? {} : { digest }) }
  const answer = await session.client().request('POST', pathOfRef(ref, 'preview'), { body })
  if (isPreviewed(answer)) return answer
  throw new Failure(EXIT.unreachable, {
    what: 'the server answered with something that is no preview',
    fix: 'see that the url is that of a control plane',
  })
}

const isPreviewed = (value: unknown): value is Previewed =>
  isRecord(value) &&
  Array.isArray(value['problems']) &&
  Array.isArray(value['parameters']) &&
  value['parameters'].every((each) => isRecord(each) && typeof each['name'] === 'string' && Array.isArray(each['options']))

const versions: Action = async (session, name) => {
  const ref = refOf(name, session.namespace, 'template')
  const answer = await session.client().request('GET', pathOfRef(ref, 'versions'))
  if (session.output === 'json') session.terminal.out(JSON.stringify(answer, null, 2))
  else {
    const object = await session.client().request('GET', pathOfRef(ref))
    const active = textOf(field(object, 'status', 'activeVersion', 'digest'))
    const rows = listOf(field(answer, 'items')).map((item) => versionRow(item, active))
    const headings = [
      { name: 'VERSION', whole: true },
      { name: 'STATE' },
      { name: 'IMPORTED', whole: true },
      { name: 'SOURCE' },
      { name: 'MESSAGE' },
    ]
    for (const line of tableLines(headings, rows, session.terminal.columns)) session.terminal.out(line)
  }
  return EXIT.done
}

function versionRow(item: unknown, active: string | null): string[] {
  const digest = textOf(field(item, 'digest')) ?? ''
  const imported = textOf(field(item, 'importedAt'))
  const error = textOf(field(item, 'error'))
  const at = fromIso(imported)
  const state = digest === active ? 'active' : imported !== null ? 'imported' : error !== null ? 'failed' : 'known'
  const message = (error ?? '').split('\n')[0] ?? ''
  return [digest.replace('sha256:', '').slice(0, 12), state, at === null ? '' : toIso(at), textOf(field(item, 'source')) ?? '', message]
}

const ACTIONS: Readonly<Record<string, Action>> = { validate, preview, versions }

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

function folderNamed(path: string): string {
  if (isFolder(path)) return path
  throw new Failure(EXIT.notFound, {
    what: existsSync(path) ? `${path} is not a folder` : `there is no folder ${path}`,
    fix: "name the folder with the template's files",
  })
}

function pairs(options: Options, name: string): Record<string, string> {
  return Object.fromEntries(
    options.list(name).map((text) => {
      const at = text.indexOf('=')
      if (at < 1) throw usage(`--${name} ${text} has no value`, `write it as --${name} name=value`)
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

/** Where this machine lacks something it is said as everything else is. */
async function onThisMachine<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Misconfigured)
      throw new Failure(EXIT.refused, { what: error.message, fix: 'bothy doctor says what this machine has' })
    throw error
  }
}
