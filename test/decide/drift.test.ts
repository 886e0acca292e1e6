import { describe, expect, test } from 'vitest'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import type { Job } from '../../controller/store/records.ts'
import { summary } from './summary.ts'
import {
  agent,
  build,
  failed,
  look,
  MINUTE,
  NOW,
  plan,
  provisioner,
  request,
  SECOND,
  stop,
  template,
  todaysInputs,
  world,
  type Told,
} from './worlds.ts'

const WATCHED = template({ drift: { intervalMs: 10 * MINUTE, corrects: false } })
const CORRECTED = template({ drift: { intervalMs: 10 * MINUTE, corrects: true } })

const drifted = (over: Partial<Job> = {}): Job => look({ reason: 'DriftLook', result: { drift: ['aws_instance.dev'] }, ...over })

/** Running since `builtMs`, with an agent that speaks. */
const runs = (builtMs: number, over: Told = {}): Seen =>
  world({ template: WATCHED, builds: [build({ finishedAt: NOW - builtMs })], agents: [agent()], ...over })

/** The newest first, ten minutes apart. */
const corrections = (count: number): Job[] =>
  Array.from({ length: count }, (_, i) => {
    const at = NOW - (i + 1) * 10 * MINUTE
    return build({ number: count - i, reason: 'Drifted', queuedAt: at, finishedAt: at })
  })

const TABLE: readonly (readonly [sentence: string, seen: Seen, does: readonly string[]])[] = [
  ['nobody asked to look: nothing', runs(60 * MINUTE, { template: template() }), []],
  ['before the interval is over: nothing', runs(9 * MINUTE), []],
  ['an interval after the build: a look', runs(10 * MINUTE), ['look']],
  [
    'an interval after the last look: another one',
    runs(60 * MINUTE, { look: look({ finishedAt: NOW - 10 * MINUTE, queuedAt: NOW - 11 * MINUTE }) }),
    ['look'],
  ],
  ['just after a look: nothing', runs(60 * MINUTE, { look: look({ result: {} }) }), []],
  [
    'while one is under way: nothing',
    runs(60 * MINUTE, { look: look({ phase: 'Running', finishedAt: null, queuedAt: NOW - 30 * MINUTE }) }),
    [],
  ],
  ['without a provisioner nothing is queued', runs(60 * MINUTE, { provisioners: [provisioner({ lastSeenAt: 0 })] }), []],
  [
    'what is stopped is looked at as well',
    world({ template: WATCHED, builds: [stop({ finishedAt: NOW - 20 * MINUTE }), build()] }),
    ['look'],
  ],
  [
    'what was destroyed is not',
    world({ template: WATCHED, builds: [stop({ transition: 'destroy', finishedAt: NOW - 20 * MINUTE }), build()] }),
    [],
  ],
  [
    'what failed is not: its build says more',
    runs(0, { builds: [failed({ number: 2, finishedAt: NOW - 60 * MINUTE })] }),
    ['start 3 (Retry)'],
  ],
  ['something drifted: it is told once', runs(60 * MINUTE, { look: drifted() }), ['tell Drifted']],
  ['only told where the template says Report', runs(60 * MINUTE, { look: drifted() }), ['tell Drifted']],
  ['put right where it says Correct', runs(60 * MINUTE, { template: CORRECTED, look: drifted() }), ['tell Drifted', 'start 2 (Drifted)']],
  [
    'put right also where power is Running',
    runs(60 * MINUTE, { template: CORRECTED, look: drifted(), workspace: { power: 'Running' } }),
    ['tell Drifted', 'start 2 (Drifted)'],
  ],
  [
    'what drifts again whatever is done is put right three times an hour',
    runs(0, { template: CORRECTED, look: drifted(), builds: corrections(3) }),
    ['tell Drifted'],
  ],
  [
    'and again when an hour has passed since the first of them',
    runs(0, { template: CORRECTED, look: drifted(), builds: corrections(2) }),
    ['tell Drifted', 'start 3 (Drifted)'],
  ],
  [
    'a stopped workspace is put right by its next start',
    world({ template: CORRECTED, builds: [stop({ finishedAt: NOW - 5 * MINUTE }), build()], look: drifted({ queuedAt: NOW - MINUTE }) }),
    ['tell Drifted'],
  ],
  ['a build since then: what was seen counts no more', runs(0, { template: CORRECTED, look: drifted() }), []],
  [
    'somebody has to agree: it is planned first',
    runs(60 * MINUTE, { template: { ...CORRECTED, approval: 'Plan' }, look: drifted() }),
    ['tell Drifted', 'plan (Drifted)'],
  ],
  [
    'a person who stops it comes first',
    runs(60 * MINUTE, { template: CORRECTED, look: drifted(), requests: [request('Stop')] }),
    ['tell Drifted', 'wish-shutdown'],
  ],
]

describe('drift', () => {
  test.each(TABLE)('%s', (_sentence, seen, does) => expect(summary(decide(seen, NOW)).does).toEqual(does))
})

const driftedIn = (seen: Seen) => decide(seen, NOW).conditions.find(({ type }) => type === 'Drifted')

test('a condition names what drifted while it is so', () => {
  expect(driftedIn(runs(60 * MINUTE, { look: drifted() }))).toEqual({
    type: 'Drifted',
    status: 'True',
    reason: 'Drifted',
    message: "Changed behind Terraform's back: aws_instance.dev.",
  })
  expect(driftedIn(runs(60 * MINUTE, { look: look({ result: { drift: [] } }) }))).toBeUndefined()
})

test('it stays as wanted: drift is told, not judged', () => {
  expect(summary(decide(runs(60 * MINUTE, { look: drifted() }), NOW)).ready).toBe('True Running')
})

test('it wakes for the next look', () => {
  const seen = world({ template: WATCHED, builds: [build({ finishedAt: NOW - 4 * MINUTE })] })
  expect(summary(decide(seen, NOW)).wakesInMs).toBe(6 * MINUTE)
})

test('a correction that was agreed to carries out its plan', () => {
  const seen = runs(60 * MINUTE, { template: { ...CORRECTED, approval: 'Plan' }, look: drifted() })
  const agreed: Seen = { ...seen, plan: { job: plan({ ...todaysInputs(seen), queuedAt: NOW - SECOND }), approvedBy: 'ada' } }
  expect(summary(decide(agreed, NOW)).does).toEqual(['tell Drifted', 'start 2 (Drifted)'])
})
