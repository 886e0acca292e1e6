import { describe, expect, test } from 'vitest'
import { policyOf } from '../../controller/reconcile/workspace/approval.ts'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import type { PlanSeen, Seen } from '../../controller/reconcile/workspace/seen.ts'
import { decide as answer } from '../../controller/reconcile/workspacerequest/decide.ts'
import type { Job, PlanSummary } from '../../controller/store/records.ts'
import { summary, type Summary } from './summary.ts'
import {
  build,
  failed,
  lookLost,
  MINUTE,
  NOW,
  PLAN,
  plan,
  queued,
  request,
  running,
  SECOND,
  silentAgent,
  stop,
  template,
  todaysInputs,
  world,
  type Told,
} from './worlds.ts'

/** A running workspace whose parameter was changed, under a policy, with the newest plan as it is. */
function changed(policy: 'Auto' | 'Plan' | 'PlanIfDestroys', newest: PlanSeen | null = null, over: Told = {}): Seen {
  const told: Told = {
    template: template({ approval: policy }),
    builds: [build()],
    ...over,
    workspace: { parameters: { cpu: '4' }, ...over.workspace },
  }
  const seen = world(told)
  const current = todaysInputs(seen)
  return newest ? { ...seen, plan: { ...newest, job: { ...current, ...newest.job, ...(newest.job.inputs === OLD ? {} : current) } } } : seen
}

const OLD = 'inputs of another day'

const counts = (over: Partial<PlanSummary> = {}): Pick<Job, 'result'> => ({
  result: { plan: { digest: PLAN, add: 1, change: 0, destroy: 1, addresses: ['bothy_process.main[0]'], lost: [], ...over } },
})

const seenPlan = (over: Partial<Job> = {}, approvedBy: string | null = null): PlanSeen => ({ job: plan(over), approvedBy })

const PLANNED: Summary = {
  does: ['plan (Updated)'],
  ready: 'False Planning',
  under: 'Reconciling Planning',
  state: 'Running',
  wakesInMs: null,
}
const BUILT: Summary = { does: ['start 2 (Updated)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null }
const WAITS: Summary = {
  does: ['tell AwaitingApproval'],
  ready: 'False AwaitingApproval',
  under: 'Reconciling AwaitingApproval',
  state: 'Running',
  wakesInMs: null,
}

const TABLE: readonly (readonly [sentence: string, seen: Seen, expected: Summary])[] = [
  ['nobody has to agree: it is built at once', changed('Auto'), BUILT],
  ['somebody has to agree: it is planned first', changed('Plan'), PLANNED],
  ['only where something is lost: it is planned to know that', changed('PlanIfDestroys'), PLANNED],
  ['the workspace may be stricter', changed('Auto', null, { workspace: { approval: 'Plan' } }), PLANNED],
  [
    'the first start changes nothing',
    changed('Plan', null, { builds: [] }),
    { does: ['start 1 (Created)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
  ],
  [
    'a start that is made of the same needs nobody',
    world({ template: template({ approval: 'Plan' }), builds: [stop(), build()], requests: [request('Start')] }),
    { does: ['start 3 (Requested for Start-uid)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
  ],
  [
    'a machine that is lost is made again without asking',
    world({ template: template({ approval: 'Plan' }), builds: [build()], agents: [silentAgent(MINUTE)], look: lookLost() }),
    {
      does: ['start 2 (MachineLost) telling MachineLost'],
      ready: 'False Queued',
      under: 'Reconciling Queued',
      state: 'Queued',
      wakesInMs: null,
    },
  ],
  [
    'while it is planned it is left alone',
    changed('Plan', seenPlan({ phase: 'Running', finishedAt: null, result: null })),
    { does: [], ready: 'False Planning', under: 'Reconciling Planning', state: 'Running', wakesInMs: 5 * SECOND },
  ],
  ['planned: it waits, and says so once', changed('Plan', seenPlan()), WAITS],
  ['agreed to: exactly that is built', changed('Plan', seenPlan({}, 'ada')), BUILT],
  ['nothing would change: nobody is asked', changed('Plan', seenPlan(counts({ add: 0, destroy: 0 }))), BUILT],
  ['nothing that outlives a stop is lost: nobody is asked', changed('PlanIfDestroys', seenPlan()), BUILT],
  ['a volume is lost: somebody is asked', changed('PlanIfDestroys', seenPlan(counts({ lost: ['bothy_container.main'] }))), WAITS],
  ['a plan of other inputs is void', changed('Plan', seenPlan({ inputs: OLD }, 'ada')), PLANNED],
  [
    'a build came after it: void, since what it was worked out from is gone',
    changed('Plan', seenPlan({ id: '1' }, 'ada'), {
      builds: [build({ id: '2', number: 2, transition: 'stop' }), build()],
      requests: [request('Start')],
    }),
    { does: ['plan (Requested)'], ready: 'False Planning', under: 'Reconciling Planning', state: 'Stopped', wakesInMs: null },
  ],
  [
    'while a build is under way nothing is planned',
    changed('Plan', null, { builds: [running({ number: 2 }), build()] }),
    { does: [], ready: 'False Starting', under: 'Reconciling Starting', state: 'Starting', wakesInMs: 5 * SECOND },
  ],
  [
    'a queued one neither',
    changed('Plan', null, { builds: [queued({ number: 2 }), build()] }),
    { does: [], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: 5 * SECOND },
  ],
  [
    'it could not be planned: somebody has to change something',
    changed('Plan', seenPlan({ phase: 'Failed', error: 'main.tf:3: no', result: {} })),
    { does: [], ready: 'False PlanFailed', under: 'Stalled PlanFailed', state: 'Running', wakesInMs: null },
  ],
  [
    'asked for again, it is planned again',
    changed('Plan', seenPlan({ phase: 'Failed', error: 'no', result: {} }), {
      requests: [request('Restart', { createdAt: NOW })],
      builds: [stop(), build()],
    }),
    { does: ['plan (Requested)'], ready: 'False Planning', under: 'Reconciling Planning', state: 'Stopped', wakesInMs: null },
  ],
  [
    'a stopped workspace that waits for somebody says that in a word',
    changed('Plan', seenPlan(), { builds: [stop(), build()], requests: [request('Start')] }),
    { ...WAITS, state: 'AwaitingApproval' },
  ],
]

describe('a change that somebody has to agree to', () => {
  test.each(TABLE)('%s', (_sentence, seen, expected) => expect(summary(decide(seen, NOW))).toEqual(expected))
})

test('what is built is the plan that was agreed to, and what it was worked out from', () => {
  const seen = changed('Plan', seenPlan({}, 'ada'))
  const queuedBuild = decide(seen, NOW).actions.find((action) => action.do === 'queue-build')
  expect(queuedBuild?.build.input).toEqual({ ...seen.plan?.job.input, plan: { jobId: '100', digest: PLAN } })
})

test('a stop after it is made of the same, without the plan: it was agreed to once', () => {
  const agreed = build({ input: { ...todaysInputs(world()).input!, plan: { jobId: '100', digest: PLAN } } })
  const stopped = decide(world({ builds: [agreed], requests: [request('Stop')] }), NOW).actions.find(
    (action) => action.do === 'queue-build',
  )
  expect(stopped?.build.transition).toBe('stop')
  expect(stopped?.build.input).not.toHaveProperty('plan')
})

test('while it waits, counts and addresses are in its status, and nothing else of it', () => {
  const { status, conditions } = decide(changed('Plan', seenPlan()), NOW)
  expect(status['plan']).toEqual({ digest: PLAN, add: 1, change: 0, destroy: 1, addresses: ['bothy_process.main[0]'] })
  expect(conditions.find(({ type }) => type === 'AwaitingApproval')?.message).toBe(
    'Plan aaaaaaaaaaaa waits for somebody to agree (1 to add, 0 to change, 1 to destroy). bothy approve dev',
  )
  expect(decide(changed('Plan', seenPlan({}, 'ada')), NOW).status).not.toHaveProperty('plan')
})

test('what would be lost is in its status by itself', () => {
  const lost = ['bothy_process.main[0]']
  expect(
    decide(
      changed('PlanIfDestroys', seenPlan({ result: { plan: { digest: PLAN, add: 1, change: 0, destroy: 1, addresses: lost, lost } } })),
      NOW,
    ).status['plan'],
  ).toMatchObject({ lost })
})

test.each([
  ['Auto', 'Auto', 'Auto'],
  ['Auto', 'PlanIfDestroys', 'PlanIfDestroys'],
  ['Plan', 'PlanIfDestroys', 'Plan'],
  ['PlanIfDestroys', 'Plan', 'Plan'],
  ['Auto', 'Plan', 'Plan'],
] as const)('a workspace with %s under a template with %s: %s', (ours, theirs, expected) => expect(policyOf(ours, theirs)).toBe(expected))

const approved = (seen: Seen, planDigest = PLAN) => {
  const { actions, conditions } = answer(
    { namespace: 'default', workspaceName: 'dev', request: request('Approve', { planDigest }), answered: null, workspace: seen },
    NOW,
  )
  return [`${conditions[0]?.status} ${conditions[0]?.reason}`, ...actions]
}

describe('an approval', () => {
  test('of the plan that waits is given', () =>
    expect(approved(changed('Plan', seenPlan()))).toEqual(['True Approved', { do: 'approve-plan', jobId: '100', by: 'request approve-1' }]))
  test('of another plan is refused', () =>
    expect(approved(changed('Plan', seenPlan()), `sha256:${'b'.repeat(64)}`)).toEqual(['False PlanChanged']))
  test('of a plan that is void is refused', () =>
    expect(approved(changed('Plan', seenPlan({ inputs: OLD })))).toEqual(['False NothingToApprove']))
  test('where nothing waits is refused', () => expect(approved(world({ builds: [build()] }))).toEqual(['False NothingToApprove']))
  test('where nobody has to agree any more is refused', () =>
    expect(approved(changed('Auto', seenPlan()))).toEqual(['False NothingToApprove']))
})

const asks = (seen: Seen) => {
  const { conditions } = answer(
    {
      namespace: 'default',
      workspaceName: 'dev',
      request: request('Start'),
      answered: null,
      workspace: { ...seen, requests: [request('Start')] },
    },
    NOW,
  )
  return `${conditions[0]?.status} ${conditions[0]?.reason}`
}

describe('whoever asked for the start', () => {
  const stopped = { builds: [stop(), build()], requests: [request('Start')] }
  test('is told that it is planned', () => expect(asks(changed('Plan', null, stopped))).toBe('Unknown Planning'))
  test('is told that somebody has to agree', () => expect(asks(changed('Plan', seenPlan(), stopped))).toBe('Unknown AwaitingApproval'))
  test('is told that it cannot be planned', () =>
    expect(asks(changed('Plan', seenPlan({ phase: 'Failed', error: 'no', result: {}, queuedAt: NOW }), stopped))).toBe('False PlanFailed'))
})

test('a start that failed after it was agreed to is planned anew: the state is another one', () => {
  const seen = changed('Plan', seenPlan({ id: '5' }, 'ada'), {
    builds: [failed({ id: '6', number: 2, finishedAt: NOW - MINUTE }), build()],
  })
  expect(summary(decide(seen, NOW)).does).toContain('plan (Retry)')
})

test('an approval that was written down and not answered is answered all the same', () => {
  const { name } = request('Approve')
  expect(approved(changed('Plan', seenPlan({}, `request ${name}`)))).toEqual(['True Approved'])
  expect(approved(changed('Plan', seenPlan({}, 'request another')))[0]).toBe('False NothingToApprove')
})
