import { describe, expect, test } from 'vitest'
import { WEEKDAYS } from '../../controller/kernel/zones.ts'
import { decide, type Action } from '../../controller/reconcile/workspacerequest/decide.ts'
import type { Seen as WorkspaceSight, RequestSeen } from '../../controller/reconcile/workspace/seen.ts'
import { CONTROLLER } from '../../controller/reconcile/workspace/seen.ts'
import {
  build,
  canceled,
  failed,
  HOUR,
  MINUTE,
  NOW,
  policy,
  queued,
  request,
  running,
  SECOND,
  stop,
  template,
  type Told,
  version,
  world,
} from './worlds.ts'

interface Expected {
  readonly answer: string
  readonly does?: readonly string[]
  readonly wakesInMs?: number | null
}

type Row = readonly [sentence: string, asked: RequestSeen, sight: WorkspaceSight | null, expected: Expected]

const POLL = 5 * SECOND
const KEPT = HOUR

function answered(asked: RequestSeen, sight: WorkspaceSight | null): Expected {
  const seen = {
    namespace: 'default',
    workspaceName: 'dev',
    request: asked,
    answered: null,
    workspace: sight && { ...sight, requests: sight.requests.length > 0 ? sight.requests : [asked] },
  }
  const { actions, conditions, wakeAt } = decide(seen, NOW)
  const [succeeded] = conditions
  return {
    answer: `${succeeded?.status ?? ''} ${succeeded?.reason ?? ''}`,
    does: actions.map((action) => told(action, sight)),
    wakesInMs: wakeAt === null ? null : wakeAt - NOW,
  }
}

const minutes = (at: number | null) => ((at ?? 0) - NOW) / MINUTE

function told(action: Action, sight: WorkspaceSight | null): string {
  switch (action.do) {
    case 'approve-plan':
      return `approve ${action.jobId} by ${action.by}`
    case 'cancel-build':
      return `cancel ${action.jobId} by ${action.by}`
    case 'keep-life': {
      const { deadlineAt, holdUntil, holdReason } = action.life
      // When it was asked is told in seconds; a minute is near enough here.
      if (holdUntil !== sight?.life.holdUntil && holdUntil === null) return 'not held'
      if (holdUntil !== sight?.life.holdUntil) return `held for ${Math.ceil(minutes(holdUntil))}m${holdReason ? `: ${holdReason}` : ''}`
      return `deadline in ${Math.ceil(minutes(deadlineAt))}m`
    }
    case 'remove':
      return 'remove'
  }
}

/** Started ten minutes ago for eight hours. */
const withTtl = (over: Told = {}) => world({ builds: [build()], template: template({ policy: policy({ ttlMs: 8 * HOUR }) }), ...over })
/** The same, and it has to stop at midnight, in sixteen hours. */
const withRequired = () =>
  withTtl({ template: template({ policy: policy({ ttlMs: 8 * HOUR, requirement: { days: WEEKDAYS, weeks: 1 } }) }) })

const open = (answer: string): Expected => ({ answer: `Unknown ${answer}`, does: [], wakesInMs: POLL })
const said = (answer: string, does: readonly string[] = []): Expected => ({ answer, does, wakesInMs: KEPT })

const paused = world({ workspace: { paused: true }, builds: [build()] })
const suspended = world({ owner: { identity: null, suspended: true }, builds: [build()] })
const deleting = world({ workspace: { deleting: true }, builds: [build()] })
const powerStopped = world({ workspace: { power: 'Stopped' }, builds: [stop(), build()] })
const powerRunning = world({ workspace: { power: 'Running' }, builds: [build()] })
const own = { requestUid: 'Start-uid' }

const TABLES: Readonly<Record<string, readonly Row[]>> = {
  Start: [
    ['already running: done at once', request('Start'), world({ builds: [build()] }), said('True Running')],
    [
      'dormant, but not stopped yet: it is woken up first',
      request('Start'),
      world({ builds: [build()], life: { dormantAt: NOW - HOUR, deleteDormantAfterMs: 0 } }),
      open('Waiting'),
    ],
    ['stopped: waits for its start', request('Start'), world({ builds: [stop(), build()] }), open('Waiting')],
    [
      'its build waits for a provisioner',
      request('Start'),
      world({ builds: [queued({ ...own, number: 3 }), stop(), build()] }),
      open('Queued'),
    ],
    ['its build runs', request('Start'), world({ builds: [running({ ...own, number: 3 }), stop(), build()] }), open('BuildInProgress')],
    ['a start in flight with today’s inputs answers it too', request('Start'), world({ builds: [running()] }), open('BuildInProgress')],
    [
      'its build succeeded',
      request('Start'),
      world({ builds: [build({ ...own, number: 3 }), stop(), build()] }),
      said('True BuildSucceeded'),
    ],
    [
      'its build failed: it is tried again first',
      request('Start'),
      world({ builds: [failed({ ...own, number: 3 }), stop(), build()] }),
      open('Waiting'),
    ],
    [
      'its build failed three times',
      request('Start'),
      world({ builds: [failed({ ...own, number: 5 }), failed({ ...own, number: 4 }), failed({ ...own, number: 3 }), stop(), build()] }),
      said('False StartFailed'),
    ],
    [
      'somebody canceled its build',
      request('Start'),
      world({ builds: [canceled('request cancel-1', { ...own, number: 3 }), stop(), build()] }),
      said('False BuildCanceled'),
    ],
    [
      'what failed before it is not its own failure',
      request('Start'),
      world({ builds: [failed({ number: 3 }), failed({ number: 2 }), failed()] }),
      open('Waiting'),
    ],
    ['power: Stopped', request('Start'), powerStopped, said('False PowerStopped')],
    ['suspended', request('Start'), suspended, said('False Suspended')],
    ['paused', request('Start'), paused, said('False Paused')],
    ['deleting', request('Start'), deleting, said('False Deleting')],
    [
      'a wrong parameter',
      request('Start'),
      world({ workspace: { parameters: { cpu: 'many' } }, builds: [stop(), build()] }),
      said('False ParameterInvalid'),
    ],
    ['the template is missing', request('Start'), world({ template: null, builds: [stop(), build()] }), said('False TemplateMissing')],
    [
      'the template is being imported: waits',
      request('Start'),
      world({ template: template({ activeDigest: null }), versions: [version({ importedAt: null })] }),
      open('Waiting'),
    ],
    [
      'it was done before somebody paused',
      request('Start'),
      world({ workspace: { paused: true }, builds: [build(own)] }),
      said('True BuildSucceeded'),
    ],
  ],
  Stop: [
    ['already stopped: done at once', request('Stop'), world({ builds: [stop(), build()] }), said('True Stopped')],
    ['never built counts as stopped', request('Stop'), world(), said('True Stopped')],
    ['running: waits for its stop', request('Stop'), world({ builds: [build()] }), open('Waiting')],
    [
      'a start that is being cancelled is waited for',
      request('Stop'),
      world({ builds: [running({ phase: 'Canceling', cancelBy: CONTROLLER })] }),
      open('BuildInProgress'),
    ],
    [
      'its stop failed three times: answered, while tries go on',
      request('Stop'),
      world({ builds: [...[4, 3, 2].map((number) => stop({ number, phase: 'Failed', requestUid: 'Stop-uid' })), build()] }),
      said('False GaveUp'),
    ],
    ['power: Running', request('Stop'), powerRunning, said('False PowerRunning')],
    ['paused', request('Stop'), paused, said('False Paused')],
    ['suspended: once it is stopped', request('Stop'), suspended, open('Waiting')],
    [
      'suspended and stopped',
      request('Stop'),
      world({ owner: { identity: null, suspended: true }, builds: [stop(), build()] }),
      said('True Stopped'),
    ],
    ['deleting: once it is gone', request('Stop'), deleting, open('Waiting')],
    ['gone', request('Stop'), null, said('True Stopped')],
  ],
  Restart: [
    ['running: waits for its stop', request('Restart'), world({ builds: [build()] }), open('Waiting')],
    [
      'stopped by it: waits for its start',
      request('Restart'),
      world({ builds: [stop({ requestUid: 'Restart-uid' }), build()] }),
      open('Waiting'),
    ],
    [
      'started by it',
      request('Restart'),
      world({ builds: [build({ number: 3, requestUid: 'Restart-uid' }), stop({ requestUid: 'Restart-uid' }), build()] }),
      said('True BuildSucceeded'),
    ],
    [
      'its start failed three times',
      request('Restart'),
      world({
        builds: [...[5, 4, 3].map((number) => failed({ number, requestUid: 'Restart-uid' })), stop({ requestUid: 'Restart-uid' }), build()],
      }),
      said('False StartFailed'),
    ],
    [
      'its stop failed three times',
      request('Restart'),
      world({ builds: [...[4, 3, 2].map((number) => stop({ number, phase: 'Failed', requestUid: 'Restart-uid' })), build()] }),
      said('False GaveUp'),
    ],
    ['allowed under power: Running', request('Restart'), powerRunning, open('Waiting')],
    ['refused as Start is', request('Restart'), powerStopped, said('False PowerStopped')],
  ],
  CancelBuild: [
    [
      'a build that runs is told to stop',
      request('CancelBuild'),
      world({ builds: [running()] }),
      said('True CancelRequested', ['cancel 1 by request cancelbuild-1']),
    ],
    [
      'also a stop',
      request('CancelBuild'),
      world({ builds: [running({ number: 2, transition: 'stop' }), build()] }),
      said('True CancelRequested', ['cancel 2 by request cancelbuild-1']),
    ],
    [
      'also while paused',
      request('CancelBuild'),
      world({ workspace: { paused: true }, builds: [running()] }),
      said('True CancelRequested', ['cancel 1 by request cancelbuild-1']),
    ],
    [
      'also while deleting',
      request('CancelBuild'),
      world({ workspace: { deleting: true }, builds: [running()] }),
      said('True CancelRequested', ['cancel 1 by request cancelbuild-1']),
    ],
    ['nothing to cancel', request('CancelBuild'), world({ builds: [build()] }), said('False NothingToCancel')],
  ],
  Extend: [
    ['to an instant', request('Extend', { until: NOW + 9 * HOUR }), withTtl(), said('True Extended', ['deadline in 540m'])],
    ['for so long from when it was asked', request('Extend', { forMs: 2 * HOUR }), withTtl(), said('True Extended', ['deadline in 120m'])],
    ['a deadline may come closer', request('Extend', { forMs: HOUR }), withTtl(), said('True Extended', ['deadline in 60m'])],
    [
      'half an hour ahead, give or take a minute',
      request('Extend', { until: NOW + 29 * MINUTE }),
      withTtl(),
      said('True Extended', ['deadline in 29m']),
    ],
    ['less than that', request('Extend', { until: NOW + 29 * MINUTE - 1 }), withTtl(), said('False TooSoon')],
    ['up to a required stop', request('Extend', { until: NOW + 16 * HOUR }), withRequired(), said('True Extended', ['deadline in 960m'])],
    ['beyond a required stop', request('Extend', { until: NOW + 16 * HOUR + 1 }), withRequired(), said('False TooLate')],
    ['without a deadline', request('Extend', { forMs: HOUR }), world({ builds: [build()] }), said('False NoDeadline')],
    ['asleep', request('Extend', { forMs: HOUR }), withTtl({ builds: [stop(), build()] }), said('False NotRunning')],
    ['never built', request('Extend', { forMs: HOUR }), withTtl({ builds: [] }), said('False NotRunning')],
    [
      'a stop has begun',
      request('Extend', { forMs: HOUR }),
      withTtl({ builds: [queued({ number: 2, transition: 'stop' }), build()] }),
      said('False NotRunning'),
    ],
    [
      'while an update is built',
      request('Extend', { forMs: HOUR }),
      withTtl({ builds: [running({ number: 2 }), build()] }),
      said('True Extended', ['deadline in 60m']),
    ],
    ['being deleted', request('Extend', { forMs: HOUR }), withTtl({ workspace: { deleting: true } }), said('False Deleting')],
    [
      'paused: it is arithmetic',
      request('Extend', { forMs: HOUR }),
      withTtl({ workspace: { paused: true } }),
      said('True Extended', ['deadline in 60m']),
    ],
    [
      'asked again after a crash it says the same',
      request('Extend', { forMs: 2 * HOUR, createdAt: NOW - MINUTE }),
      withTtl({ life: { deadlineAt: NOW - MINUTE + 2 * HOUR } }),
      said('True Extended', ['deadline in 119m']),
    ],
  ],
  Hold: [
    [
      'for so long from when it was asked',
      request('Hold', { forMs: 2 * HOUR, why: 'a long build' }),
      withTtl(),
      said('True Held', ['held for 120m: a long build']),
    ],
    [
      'a newer one replaces it',
      request('Hold', { forMs: HOUR }),
      withTtl({ life: { holdUntil: NOW + 5 * HOUR } }),
      said('True Held', ['held for 60m']),
    ],
    ['for 0s ends it', request('Hold', { forMs: 0 }), withTtl({ life: { holdUntil: NOW + HOUR } }), said('True Handled', ['not held'])],
    ['for 0s without a hold', request('Hold', { forMs: 0 }), withTtl(), said('True Handled')],
    ['longer than maxHold', request('Hold', { forMs: 24 * HOUR + 1 }), withTtl(), said('False TooLate')],
    ['asleep', request('Hold', { forMs: HOUR }), withTtl({ builds: [stop(), build()] }), said('True Held', ['held for 60m'])],
    ['being deleted', request('Hold', { forMs: HOUR }), withTtl({ workspace: { deleting: true } }), said('False Deleting')],
    [
      'an older one is answered first',
      request('Hold', { forMs: HOUR }),
      withTtl({ requests: [request('Hold', { forMs: HOUR }), request('Extend', { forMs: HOUR, createdAt: NOW - MINUTE })] }),
      open('Waiting'),
    ],
    [
      'an older one that is answered does not hold it up',
      request('Hold', { forMs: HOUR }),
      withTtl({
        requests: [
          request('Hold', { forMs: HOUR }),
          request('Extend', { createdAt: NOW - MINUTE, answer: { succeeded: true, reason: 'Extended' } }),
        ],
      }),
      said('True Held', ['held for 60m']),
    ],
  ],
  'which workspace': [
    [
      'there is none yet',
      request('Start', { boundUid: null, createdAt: NOW - MINUTE }),
      null,
      { answer: 'Unknown WorkspaceNotFound', does: [], wakesInMs: 9 * MINUTE },
    ],
    [
      'there was none for ten minutes',
      request('Start', { boundUid: null, createdAt: NOW - 10 * MINUTE }),
      null,
      said('False WorkspaceNotFound'),
    ],
    ['it is gone', request('Start'), null, said('False WorkspaceNotFound')],
    [
      'a namesake was never meant',
      request('Start', { boundUid: 'another' }),
      world({ builds: [stop(), build()] }),
      said('False WorkspaceNotFound'),
    ],
    ['declared by a folder', request('Start', { declared: true }), world(), said('False NotDeclarable')],
    ['declared, and there is no workspace', request('Start', { declared: true, boundUid: null }), null, said('False NotDeclarable')],
  ],
  'several at once': [
    [
      'a newer one counts',
      request('Start'),
      world({ builds: [build()], requests: [request('Start'), request('Stop', { createdAt: NOW })] }),
      said('False Superseded'),
    ],
    [
      'the newer one itself',
      request('Stop', { createdAt: NOW }),
      world({ builds: [build()], requests: [request('Start'), request('Stop', { createdAt: NOW })] }),
      open('Waiting'),
    ],
    [
      'a newer one that is refused does not',
      request('Start'),
      world({
        workspace: { power: 'Running' },
        builds: [stop(), build()],
        requests: [request('Start'), request('Stop', { createdAt: NOW })],
      }),
      open('Waiting'),
    ],
    [
      'CancelBuild supersedes nothing',
      request('Start'),
      world({ builds: [stop(), build()], requests: [request('Start'), request('CancelBuild', { createdAt: NOW })] }),
      open('Waiting'),
    ],
  ],
}

for (const [about, rows] of Object.entries(TABLES)) {
  describe(about, () => {
    test.each(rows)('%s', (_, asked, sight, expected) => {
      expect(answered(asked, sight)).toEqual(expected)
    })
  })
}

const answer = { type: 'Succeeded', status: 'True', reason: 'Stopped', message: 'Workspace dev is stopped.' } as const

test('an answer stands, and goes after an hour', () => {
  const seen = { namespace: 'default', workspaceName: 'dev', request: request('Stop'), workspace: null }
  expect(decide({ ...seen, answered: { at: NOW - MINUTE, condition: answer } }, NOW)).toEqual({
    actions: [],
    conditions: [answer],
    status: { workspaceUid: request('Stop').boundUid, handledAt: '2026-11-21T07:59:00Z', message: answer.message },
    wakeAt: NOW + 59 * MINUTE,
  })
  expect(decide({ ...seen, answered: { at: NOW - HOUR, condition: answer } }, NOW).actions).toEqual([{ do: 'remove' }])
})

test('it is bound to the workspace it sees first', () => {
  const seen = {
    namespace: 'default',
    workspaceName: 'dev',
    request: request('Start', { boundUid: null }),
    answered: null,
    workspace: world({ builds: [stop(), build()] }),
  }
  expect(decide(seen, NOW).status).toEqual({ workspaceUid: world().workspace.uid, message: 'Workspace dev is about to start.' })
})
