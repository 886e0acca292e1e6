import { approval } from './approval.ts'
import { EXIT, Failure, usage, type ExitCode } from './failure.ts'
import { followBuilds } from './follow.ts'
import { field, listOf, textOf } from './json.ts'
import { toIso } from '../controller/kernel/clock.ts'
import { knownObject } from './known-object.ts'
import { kindNamed, objectOf, pathOf, refOf, shownRef, type ApiObject, type Ref } from './objects.ts'
import type { Options } from './options.ts'
import { createProgress } from './progress.ts'
import { howItRuns, RUNNING } from './running.ts'
import type { Run, Session } from './session.ts'
import { detached, waitFor } from './wait.ts'
import { watchOne } from './watch.ts'

/** start, stop, restart, extend, hold, approve and cancel: a WorkspaceRequest, followed to its answer. */

type Asks = Readonly<Record<string, string>>

interface Action {
  readonly action: string
  readonly doing: string
  /** null: the answer itself says it. */
  readonly done: string | null
  /** The answer comes when it is built; it is done when it can be used. */
  readonly runs?: boolean
  /** What else is asked. */
  readonly asks?: (options: Options, workspace: () => Promise<ApiObject>, session: Session) => Asks | Promise<Asks>
  /** Nothing is begun that could fail: whatever is not done was refused. */
  readonly atOnce?: boolean
}

const ACTIONS: Readonly<Record<string, Action>> = {
  start: { action: 'Start', doing: 'starting', done: 'is running', runs: true },
  stop: { action: 'Stop', doing: 'stopping', done: 'is stopped' },
  restart: { action: 'Restart', doing: 'restarting', done: 'is running again', runs: true },
  extend: { action: 'Extend', doing: 'extending', done: null, asks: extension, atOnce: true },
  hold: { action: 'Hold', doing: 'holding', done: null, asks: holding, atOnce: true },
  approve: { action: 'Approve', doing: 'approving the plan of', done: null, asks: approval, atOnce: true },
  cancel: { action: 'CancelBuild', doing: 'canceling the build of', done: null },
}

const WSR = 'WorkspaceRequest'

export const run: Run = async (session, args, options) => {
  const action = ACTIONS[session.command]
  if (!action) throw usage(`${session.command} is no request`, 'ask for start, stop, restart, extend, hold, approve or cancel')
  const workspace = refOf(args[0] ?? '', session.namespace, 'workspace')
  const known = () => knownObject(session, workspace)
  const asks = (await action.asks?.(options, known, session)) ?? {}
  // A request may come before its workspace; a person who mistypes a name wants to know at once.
  await known()
  const request = await ask(session, workspace, action, asks)
  if (!options.flag('wait')) return answer(session, request, `asked: ${action.doing} ${workspace.name}`)
  const limitAt = session.clock.elapsedMs() + (options.milliseconds('timeout') ?? 0)
  const answered = await followed(session, workspace, request, action, limitAt)
  const succeeded = conditionOf(answered)
  if (textOf(field(succeeded, 'status')) !== 'True') throw refusedBy(session, workspace, succeeded, action)
  const { done, runs } = action
  if (done === null) return answer(session, answered, `${shownRef(workspace)}: ${textOf(field(succeeded, 'message')) ?? ''}`)
  const running = runs ? await waitFor(session, workspace, RUNNING, limitAt - session.clock.elapsedMs()) : null
  return answer(session, answered, `${shownRef(workspace)} ${howItRuns(session, workspace, running, done)}`)
}

function extension(options: Options): Readonly<Record<string, string>> {
  const [until, forMs] = [options.instant('until'), options.milliseconds('for')]
  if (until !== null && forMs === null) return { until: toIso(until) }
  if (forMs !== null && until === null) return { for: goDuration(forMs) }
  throw usage(
    until === null ? 'it is not said how far' : '--until and --for exclude each other',
    'give --until 2026-11-21T18:00:00Z, or --for 2h',
  )
}

function holding(options: Options): Readonly<Record<string, string>> {
  const forMs = options.milliseconds('for')
  if (forMs === null) throw usage('it is not said how long', 'give --for 2h; --for 0s ends a hold')
  const reason = options.text('reason')
  return { for: goDuration(forMs), ...(reason === null ? {} : { reason }) }
}

/** Without days, which not everybody who reads durations knows. */
const goDuration = (ms: number): string => `${Math.round(ms / 1000)}s`

async function ask(session: Session, workspace: Ref, { action }: Action, asks: Readonly<Record<string, string>>): Promise<ApiObject> {
  const kind = kindNamed(WSR)
  return objectOf(
    await session.client().request('POST', pathOf(kind, workspace.namespace), {
      query: { fieldManager: 'bothy-cli', fieldValidation: 'Strict' },
      body: {
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        metadata: { generateName: `${session.command}-`, namespace: workspace.namespace },
        spec: { workspace: workspace.name, action, ...asks },
      },
    }),
  )
}

function answer({ terminal, output }: Session, request: ApiObject, sentence: string): number {
  terminal.out(output === 'json' ? JSON.stringify(request) : sentence)
  return EXIT.done
}

const conditionOf = (request: ApiObject): unknown =>
  listOf(field(request, 'status', 'conditions')).find((each) => field(each, 'type') === 'Succeeded')

const isAnswered = (request: ApiObject): boolean => ['True', 'False'].includes(textOf(field(conditionOf(request), 'status')) ?? '')

async function followed(session: Session, workspace: Ref, request: ApiObject, { doing }: Action, limitAt: number): Promise<ApiObject> {
  const interrupted = session.interrupted()
  const over = new AbortController()
  const signal = AbortSignal.any([interrupted, over.signal])
  const cancel = session.clock.after(limitAt - session.clock.elapsedMs(), () => over.abort())
  const progress = createProgress(session.terminal, session.clock)
  progress.step(`${doing} ${workspace.name}`)
  const following = followBuilds(session, workspace, (text) => progress.step(`${doing} ${workspace.name}: ${text}`), signal)
  try {
    for await (const seen of watchOne(
      session.client(),
      session.clock,
      kindNamed(WSR),
      workspace.namespace,
      request.metadata.name,
      signal,
    )) {
      if (seen === null) throw new Failure(EXIT.didNotBecomeSo, { what: 'the request was removed before it was answered' })
      if (isAnswered(seen)) return seen
    }
  } finally {
    cancel()
    over.abort()
    await following
    progress.end()
  }
  if (interrupted.aborted) throw detached(session, workspace)
  throw new Failure(EXIT.didNotBecomeSo, {
    what: `${shownRef(workspace)}: the request was not answered in time`,
    fix: `${session.environment.program} why workspace/${workspace.name} says what holds it`,
  })
}

const CODES: Readonly<Record<string, ExitCode>> = {
  WorkspaceNotFound: EXIT.notFound,
  PowerStopped: EXIT.refused,
  PowerRunning: EXIT.refused,
  Suspended: EXIT.refused,
  Paused: EXIT.refused,
  Deleting: EXIT.refused,
  NothingToCancel: EXIT.refused,
  NotDeclarable: EXIT.refused,
  Superseded: EXIT.refused,
}

function refusedBy({ environment }: Session, workspace: Ref, condition: unknown, { atOnce }: Action): Failure {
  const reason = textOf(field(condition, 'reason')) ?? ''
  return new Failure(
    CODES[reason] ?? (atOnce ? EXIT.refused : EXIT.didNotBecomeSo),
    {
      what: textOf(field(condition, 'message')) ?? 'the request failed',
      where: `${shownRef(workspace)} (${reason})`,
      fix: `${environment.program} why workspace/${workspace.name} says more; ${environment.program} logs ${workspace.name} shows its build`,
    },
    { reason },
  )
}
