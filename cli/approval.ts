import { EXIT, Failure, usage } from './failure.ts'
import { field, listOf, textOf } from './json.ts'
import type { ApiObject } from './objects.ts'
import type { Options } from './options.ts'
import type { Session } from './session.ts'

/** What somebody agrees to: the plan that waits, which they have seen. */
export async function approval(
  options: Options,
  workspace: () => Promise<ApiObject>,
  session: Session,
): Promise<{ readonly planDigest: string }> {
  const known = await workspace()
  const { name } = known.metadata
  const plan = field(known, 'status', 'plan')
  const digest = textOf(field(plan, 'digest'))
  const fix = `${session.environment.program} why workspace/${name} says what it waits for`
  if (digest === null) throw new Failure(EXIT.refused, { what: `no plan of workspace ${name} waits for anybody to agree`, fix })
  const named = options.text('plan')
  if (named !== null) return { planDigest: sameDigest(named, digest) }
  for (const line of shown(plan, name, digest)) session.terminal.err(line)
  if (options.flag('yes') || (await agrees(session))) return { planDigest: digest }
  throw new Failure(EXIT.didNotBecomeSo, {
    what: 'nothing was approved',
    fix: `change the spec, or ${session.environment.program} approve ${name} again`,
  })
}

const SHORT = 12

/** Long enough that nobody means another plan by it. */
function sameDigest(named: string, digest: string): string {
  const bare = named.replace(/^sha256:/, '')
  if (bare.length < SHORT) throw usage(`--plan ${named} is too short to name a plan`, `give at least ${SHORT} digits of its digest`)
  if (digest.replace('sha256:', '').startsWith(bare)) return digest
  throw new Failure(
    EXIT.refused,
    { what: `the plan that waits is ${digest}, not ${named}`, fix: 'look at it again, and approve that' },
    { reason: 'PlanChanged' },
  )
}

function shown(plan: unknown, name: string, digest: string): string[] {
  const lost = new Set(listOf(field(plan, 'lost')))
  const count = (what: string) => Number(field(plan, what) ?? 0)
  return [
    `Plan ${digest.replace('sha256:', '').slice(0, SHORT)} of workspace ${name}: ${count('add')} to add, ${count('change')} to change, ${count('destroy')} to destroy`,
    ...listOf(field(plan, 'addresses')).map(
      (address) => `  ${textOf(address) ?? ''}${lost.has(address) ? '  (lost: otherwise it outlives a stop)' : ''}`,
    ),
  ]
}

async function agrees({ terminal, environment }: Session): Promise<boolean> {
  if (!terminal.asks)
    throw usage('there is no terminal to ask on', `give --plan DIGEST or --yes: ${environment.program} approve NAME --yes`)
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const left = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
  try {
    return /^y(es)?$/i.test((await Promise.race([lines.question('Carry it out? [y/N] '), left])).trim())
  } finally {
    lines.close()
  }
}
