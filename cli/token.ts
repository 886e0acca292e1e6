import { fromIso, type Instant } from '../controller/kernel/clock.ts'
import { EXIT, usage } from './failure.ts'
import { field, listOf, textOf } from './json.ts'
import type { Options } from './options.ts'
import type { Run, Session } from './session.ts'
import { tableLines, type Heading } from './table.ts'

/** Tokens for people, scripts and whoever else talks to a standalone. */

const PATH = '/bothy/v1/tokens'

export const run: Run = async (session, [action = '', name], options) => {
  switch (action) {
    case 'create':
      return create(session, named(session, action, name), options)
    case 'revoke':
      return revoke(session, named(session, action, name))
    case 'list':
      if (name !== undefined) throw usage('list takes no name', `write ${session.environment.program} token list`)
      return list(session)
    default:
      throw usage(`a token cannot be ${JSON.stringify(action)}`, `write ${session.environment.program} token create, list or revoke`)
  }
}

function named({ environment }: Session, action: string, name: string | undefined): string {
  if (name !== undefined) return name
  throw usage('it is not said which token', `write ${environment.program} token ${action} NAME`)
}

async function create(session: Session, name: string, options: Options): Promise<number> {
  const { terminal, output, environment } = session
  const made = await session.client().request('POST', PATH, {
    body: { name, scope: options.text('scope'), namespaces: options.list('only'), expiresInSeconds: secondsUntilEnd(options) },
  })
  if (output === 'json') terminal.out(JSON.stringify(made))
  else {
    // Alone on standard output, so that it can go where nobody reads it.
    terminal.out(textOf(field(made, 'token')) ?? '')
    const end = textOf(field(made, 'expiresAt'))
    if (!terminal.quiet)
      terminal.err(
        `this is the only time that it is shown. ${end === null ? 'It is good until it is revoked' : `It ends at ${end}`}: ${environment.program} token revoke ${name} ends it at once`,
      )
  }
  return EXIT.done
}

function secondsUntilEnd(options: Options): number | null {
  if (options.text('expires') === 'never') return null
  const ms = options.milliseconds('expires') ?? 0
  if (ms < 1000) throw usage('--expires must be at least a second', 'give --expires 30d, or --expires never')
  return Math.floor(ms / 1000)
}

async function revoke(session: Session, name: string): Promise<number> {
  const { terminal, output } = session
  const gone = await session.client().request('DELETE', PATH, { query: { name } })
  terminal.out(output === 'json' ? JSON.stringify(gone) : `token ${name} is revoked; whatever was open with it is closed`)
  return EXIT.done
}

const HEADINGS: readonly Heading[] = [
  { name: 'NAME', whole: true },
  { name: 'SCOPE' },
  { name: 'ONLY IN' },
  { name: 'ENDS' },
  { name: 'LAST USED' },
]

async function list({ terminal, output, client, clock }: Session): Promise<number> {
  const answer = await client().request('GET', PATH)
  if (output === 'json') terminal.out(JSON.stringify(answer))
  else {
    const items = listOf(field(answer, 'items'))
    const rows = items.map((item) => [
      textOf(field(item, 'name')) ?? '',
      textOf(field(item, 'scope')) ?? '',
      listOf(field(item, 'namespaces')).join(','),
      endOf(textOf(field(item, 'expiresAt')), clock.now()),
      textOf(field(item, 'usedAt')) ?? 'never',
    ])
    if (items.length === 0) terminal.err('no token was made yet')
    else for (const line of tableLines(HEADINGS, rows, terminal.columns)) terminal.out(line)
  }
  return EXIT.done
}

const endOf = (text: string | null, now: Instant): string => (text === null ? 'never' : (fromIso(text) ?? now) <= now ? 'is over' : text)
