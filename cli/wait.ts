import { EXIT, Failure, usage } from './failure.ts'
import { field, listOf, textOf } from './json.ts'
import { inNamespace, refOf, shownRef, type ApiObject, type Ref } from './objects.ts'
import { createProgress } from './progress.ts'
import type { Run, Session } from './session.ts'
import { watchOne } from './watch.ts'

/** Something that may be so, and how it stands with it for people. */
export interface Goal {
  readonly name: string
  isSo(object: ApiObject | null): boolean
  standing(object: ApiObject | null): string
  /** Waiting longer does not help. */
  isHopeless?(object: ApiObject | null): boolean
}

export const run: Run = async (session, args, options) => {
  const ref = refOf(args[0] ?? '', session.namespace)
  const goal = goalOf(options.text('for') ?? '')
  const object = await waitFor(session, ref, goal, options.milliseconds('timeout') ?? 0)
  if (session.output === 'json') session.terminal.out(JSON.stringify(object ?? null))
  else session.terminal.out(`${shownRef(ref)}: ${goal.name}`)
  return EXIT.done
}

export function goalOf(text: string): Goal {
  if (text === 'delete') return deleted
  const [, kind, name = '', value] = /^(condition|field)=([^=]+)(?:=(.*))?$/.exec(text) ?? []
  if (kind === 'condition') return conditionIs(name, value ?? 'True')
  if (kind === 'field' && value !== undefined) return fieldIs(name, value)
  throw usage(
    `--for ${text} is nothing to wait for`,
    'write condition=Ready, condition=Running=False, field=status.state=Stopped or delete',
  )
}

const deleted: Goal = {
  name: 'deleted',
  isSo: (object) => object === null,
  standing: (object) => (object === null ? 'gone' : `still there: ${standingOf(object)}`),
}

function conditionIs(type: string, status: string): Goal {
  const find = (object: ApiObject | null) => conditionOf(object, type)
  return {
    name: `condition ${type} is ${status}`,
    isSo: (object) => textOf(field(find(object), 'status'))?.toLowerCase() === status.toLowerCase(),
    standing: (object) => (object === null ? 'it does not exist yet' : standingOf(object, type)),
  }
}

function fieldIs(path: string, wanted: string): Goal {
  const steps = path.replace(/^\./, '').split('.')
  const shown = (object: ApiObject | null): string => {
    const value = field(object, ...steps)
    return value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
  }
  return {
    name: `${steps.join('.')} is ${wanted}`,
    isSo: (object) => object !== null && shown(object) === wanted,
    standing: (object) => (object === null ? 'it does not exist yet' : `${steps.join('.')} is "${shown(object)}"`),
  }
}

/** A condition of an object, if it speaks of the object as it is declared now. */
export function conditionOf(object: ApiObject | null, type: string): unknown {
  const generation = field(object, 'metadata', 'generation')
  const observed = field(object, 'status', 'observedGeneration')
  if (typeof generation === 'number' && typeof observed === 'number' && observed < generation) return undefined
  return listOf(field(object, 'status', 'conditions')).find((each) => field(each, 'type') === type)
}

/** Waiting does not help: somebody has to change something. */
export const isStalled = (object: ApiObject | null): boolean => textOf(field(conditionOf(object, 'Stalled'), 'status')) === 'True'

/** One line: the state, and why it is so. What Ready says is about the whole; another condition only where there is no Ready. */
export function standingOf(object: ApiObject, type = 'Ready'): string {
  const state = textOf(field(object, 'status', 'state'))
  const says = conditionOf(object, 'Ready') ?? conditionOf(object, type)
  if (!says) return state ?? 'nothing is known of it yet'
  const reason = textOf(field(says, 'reason')) ?? ''
  const head = state === null || state === reason ? reason : `${state}, ${reason}`
  return `${head}: ${textOf(field(says, 'message')) ?? ''}`
}

/** Follows the object until it is so. Fails with code 1 when the time is over or a person detaches. */
export async function waitFor(session: Session, ref: Ref, goal: Goal, timeoutMs: number): Promise<ApiObject | null> {
  const interrupted = session.interrupted()
  const over = new AbortController()
  const cancel = session.clock.after(timeoutMs, () => over.abort())
  const progress = createProgress(session.terminal, session.clock)
  let last = 'nothing has answered so far'
  try {
    const signal = AbortSignal.any([interrupted, over.signal])
    for await (const object of watchOne(session.client(), session.clock, ref.kind, ref.namespace, ref.name, signal)) {
      if (goal.isSo(object)) return object
      last = goal.standing(object)
      if (goal.isHopeless?.(object)) throw held(session, ref, last)
      progress.step(`${shownRef(ref)}: ${last}`)
    }
  } finally {
    cancel()
    progress.end()
  }
  throw interrupted.aborted ? detached(session, ref) : notSo(session, ref, goal, last)
}

export const detached = ({ environment, namespace }: Session, ref: Ref): Failure =>
  new Failure(EXIT.didNotBecomeSo, {
    what: 'detached; the work goes on',
    fix: `come back with ${environment.program} get ${ref.kind.singular} ${ref.name}${inNamespace(namespace)} -w`,
  })

const held = ({ environment, namespace }: Session, ref: Ref, last: string): Failure =>
  new Failure(EXIT.didNotBecomeSo, {
    what: `${shownRef(ref)} does not go on by itself`,
    where: last,
    fix: `${environment.program} why ${ref.kind.singular}/${ref.name}${inNamespace(namespace)} says what would change it`,
  })

const notSo = ({ environment, namespace }: Session, ref: Ref, goal: Goal, last: string): Failure =>
  new Failure(EXIT.didNotBecomeSo, {
    what: `${shownRef(ref)} did not become so in time: ${goal.name}`,
    where: `last seen: ${last}`,
    fix: `${environment.program} why ${ref.kind.singular}/${ref.name}${inNamespace(namespace)} says what holds it`,
  })
