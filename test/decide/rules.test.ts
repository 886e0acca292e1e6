import { expect, test } from 'vitest'
import { WEEKDAYS } from '../../controller/kernel/zones.ts'
import { sentenceOf } from '../../controller/reconcile/verdict.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { explained, RULES as WANTS, wants } from '../../controller/reconcile/workspace/wants.ts'
import { RULES as TEMPLATE } from '../../controller/reconcile/template/decide.ts'
import { RULES as REQUEST } from '../../controller/reconcile/workspacerequest/decide.ts'
import {
  build,
  DAY,
  failed,
  HOUR,
  look,
  lookLost,
  NOW,
  policy,
  request,
  silentAgent,
  stop,
  template,
  todaysInputs,
  world,
} from './worlds.ts'

/** The order of rules is the specification: a rule that moves must move here too. */

test('a workspace runs by these rules, in this order', () => {
  expect(WANTS.map(([number, rule]) => `${number} ${rule.name}`)).toEqual([
    '1 workspaceIsBeingDeleted',
    '2 ownerIsSuspended',
    'down bothyIsBroughtDown',
    '3 workspaceIsPaused',
    '4 itHasExpired',
    '5 powerIsStopped',
    '6 somebodyAsked',
    '7 stopIsRequired',
    '8 powerIsRunning',
    '9 failedBuildIsTriedAgain',
    '10 deadlineHasPassed',
    '11 nobodyUsesIt',
    '12 machineIsLost',
    'drift whatWasBuiltHasDrifted',
    '13 failedStartIsCleanedUp',
    '14 itIsDormant',
    '15 itIsUnused',
    '16 inputsHaveChanged',
    '17 autostartIsDue',
    'up bothyIsUpAgain',
    '18 workspaceWasNeverBuilt',
  ])
})

test('a template is judged by these rules, in this order', () => {
  expect(TEMPLATE.map((rule) => rule.name)).toEqual([
    'templateIsBeingDeleted',
    'wantedVersionIsImported',
    'pinnedVersionIsUnknown',
    'sourceCannotBeUsed',
    'importIsUnderWay',
    'variableIsMissing',
    'importFailed',
    'filesAreNew',
  ])
})

test('a request is answered by these rules, in this order', () => {
  expect(REQUEST.map((rule) => rule.name)).toEqual([
    'requestIsDeclared',
    'itsWorkspaceIsGone',
    'thereIsNoWorkspace',
    'ownStartSucceeded',
    'itIsRefused',
    'newerRequestCounts',
    'buildIsCanceled',
    'planIsAgreedTo',
    'olderOneComesFirst',
    'itsTimeIsMoved',
    'itsOutcomeIsAwaited',
  ])
})

const ago = (ms: number) => ({ queuedAt: NOW - ms, startedAt: NOW - ms, finishedAt: NOW - ms })
const everyDay = policy({
  requirement: { days: WEEKDAYS, weeks: 1 },
  idleAfter: { defaultMs: HOUR, minMs: 0, maxMs: 0 },
  failureTtlMs: HOUR,
  dormantAfterMs: DAY,
})

/** Everything that can be said at once; taking away the winner lets the next one speak. */
const everything = world({
  workspace: { deleting: true, paused: true, power: 'Stopped', parameters: { cpu: '4' }, schedule: { autostart: '0 8 * * *' } },
  owner: { suspended: true },
  broughtDown: true,
  template: template({ policy: everyDay, drift: { intervalMs: HOUR, corrects: true } }),
  requests: [request('Stop')],
  builds: [build(ago(DAY))],
  agents: [silentAgent(8000, { readyAt: NOW - DAY })],
  look: lookLost(),
  life: { dormantAt: NOW - DAY, deletingAt: NOW, deadlineBuild: 1, deadlineAt: NOW, maxDeadlineAt: NOW, scheduleSeenAt: NOW - DAY },
})

type Change = (seen: Seen) => Seen
const workspaceIs =
  (over: Partial<Seen['workspace']>): Change =>
  (seen) => ({ ...seen, workspace: { ...seen.workspace, ...over } })
const lifeIs =
  (over: Partial<Seen['life']>): Change =>
  (seen) => ({ ...seen, life: { ...seen.life, ...over } })
const is =
  (over: Partial<Seen>): Change =>
  (seen) => ({ ...seen, ...over })

const failures = [4, 3, 2].map((number) =>
  failed({ ...ago(2 * HOUR), number, inputs: todaysInputs(world({ workspace: { parameters: { cpu: '4' } } })).inputs }),
)
const slept = [stop({ ...ago(DAY), number: 3, reason: 'BroughtDown' }), build(ago(2 * DAY))]

const TAKEN_AWAY: readonly (readonly [taken: Change, next: string])[] = [
  [(seen) => seen, 'gone by: workspace is being deleted'],
  [workspaceIs({ deleting: false }), 'stopped by: owner is suspended'],
  [is({ owner: world().owner }), 'stopped by: bothy is brought down'],
  [is({ broughtDown: false }), 'as it is by: workspace is paused'],
  [workspaceIs({ paused: false }), 'destroyed by: it has expired'],
  [lifeIs({ deletingAt: null }), 'stopped by: power is stopped'],
  [workspaceIs({ power: 'Auto' }), 'stopped by: somebody asked'],
  [is({ requests: [] }), 'stopped by: stop is required'],
  [(seen) => lifeIs({ maxDeadlineAt: null })(workspaceIs({ power: 'Running' })(seen)), 'running by: power is running'],
  [
    (seen) => is({ builds: [failures.at(-1) ?? build(), ...seen.builds] })(workspaceIs({ power: 'Auto' })(seen)),
    'running by: failed build is tried again',
  ],
  [is({ builds: everything.builds }), 'stopped by: deadline has passed'],
  [lifeIs({ deadlineAt: null }), 'stopped by: nobody uses it'],
  [is({ activity: { lastUsedAt: NOW, sources: [] } }), 'running by: machine is lost'],
  [is({ look: look({ result: { drift: ['x.y'] } }), agents: [] }), 'running by: what was built has drifted'],
  [is({ look: null, builds: [...failures, ...everything.builds] }), 'stopped by: failed start is cleaned up'],
  [is({ builds: everything.builds }), 'stopped by: it is dormant'],
  [
    (seen) => lifeIs({ dormantAt: null })(is({ activity: { lastUsedAt: NOW - 2 * DAY, sources: [] }, agents: [] })(seen)),
    'stopped by: it is unused',
  ],
  [is({ activity: { lastUsedAt: NOW, sources: [] } }), 'running by: inputs have changed'],
  [is({ builds: slept }), 'running by: autostart is due'],
  [workspaceIs({ schedule: world().workspace.schedule }), 'running by: bothy is up again'],
  [is({ builds: [] }), 'running by: workspace was never built'],
  [is({ builds: [stop(ago(DAY)), build(ago(DAY))] }), 'as it is by: otherwise'],
]

test('of several opinions the first counts', () => {
  let seen = everything
  const said = TAKEN_AWAY.map(([taken]) => {
    seen = taken(seen)
    const want = wants(seen, NOW)
    return `${want.wants} by: ${want.rule}`
  })
  expect(said).toEqual(TAKEN_AWAY.map(([, next]) => next))
})

test('every rule is the first that counts somewhere', () => {
  const winners = TAKEN_AWAY.map(([, next]) => next.split('by: ')[1])
  expect(winners).toEqual([...WANTS.map(([, rule]) => sentenceOf(rule.name)), 'otherwise'])
})

test('an explanation shows every rule, and marks the one that decides', () => {
  const rules = explained(everything, NOW)
  expect(rules).toHaveLength(WANTS.length)
  expect(rules.filter(({ decides }) => decides)).toEqual([
    { rule: '1: workspace is being deleted', opinion: 'gone (Deleted): The workspace is being deleted.', decides: true },
  ])
})
