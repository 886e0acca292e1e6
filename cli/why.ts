import { GROUP } from '../crds/kinds.ts'
import { EXIT, usage } from './failure.ts'
import { field, listOf, textOf } from './json.ts'
import { knownObject } from './known-object.ts'
import { pathOfRef, refOf, shownRef, type ApiObject, type Ref } from './objects.ts'
import type { Run, Session } from './session.ts'
import { conditionOf } from './wait.ts'

/** The rules that were asked, in their order, and the one that decides. */
export const run: Run = async (session, args) => {
  const ref = refOf(args[0] ?? '', session.namespace)
  if (ref.kind.group !== GROUP) throw usage(`nothing is decided about a ${ref.kind.singular}`, 'name one of our kinds, like workspace/dev')
  const object = await knownObject(session, ref)
  const why = await session.client().request('GET', pathOfRef(ref, 'why'))
  if (session.output === 'json') session.terminal.out(JSON.stringify(why, null, 2))
  else print(session, ref, why, object)
  return EXIT.done
}

function print({ terminal }: Session, ref: Ref, why: unknown, object: ApiObject): void {
  const text = (name: string) => textOf(field(why, name)) ?? ''
  terminal.out(`${terminal.style('bold', shownRef(ref))}: ${text('summary')}`)
  const declared = conditionOf(object, 'Declared')
  const facts = [
    // The decision follows the last good declaration; that there is a newer one which cannot be read is the other half.
    ['declared', field(declared, 'status') === 'False' ? (textOf(field(declared, 'message')) ?? '') : ''],
    ['wants', `${text('wants')} (${text('reason')})`],
    ['held by', text('holds')],
    ['until', text('until')],
    ['changes', text('changes')],
  ] as const
  for (const [name, value] of facts) if (value !== '') terminal.out(`  ${name.padEnd(8)} ${value}`)
  const rules = listOf(field(why, 'rules'))
  if (rules.length > 0) terminal.out('')
  for (const rule of rules) {
    const decides = field(rule, 'decides') === true
    const line = `${decides ? '→' : ' '} ${textOf(field(rule, 'rule')) ?? ''}: ${textOf(field(rule, 'opinion')) ?? ''}`
    terminal.out(`  ${decides ? terminal.style('bold', line) : terminal.style('dim', line)}`)
  }
}
