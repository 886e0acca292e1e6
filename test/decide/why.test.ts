import { describe, expect, test } from 'vitest'
import { why } from '../../controller/reconcile/workspace/why.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { agent, build, failed, HOUR, NOW, policy, running, SECOND, stop, template, type Told as Over, world } from './worlds.ts'

type Told = Omit<ReturnType<typeof why>, 'rules'> & { readonly decides: string | undefined }

function told(seen: Seen): Told {
  const { rules, ...rest } = why(seen, NOW)
  return { ...rest, decides: rules.find(({ decides }) => decides)?.rule }
}

/** Started nine minutes ago for eight hours. */
const withTtl = (over: Over) =>
  world({ builds: [build()], agents: [agent()], template: template({ policy: policy({ ttlMs: 8 * HOUR }) }), ...over })

const WHYS: Readonly<Record<string, readonly [Seen, Told]>> = {
  building: [
    world({ builds: [running()] }),
    {
      summary: 'Workspace dev is to be running (Created). Start build 1 is running.',
      wants: 'running',
      reason: 'Created',
      holds: 'Starting: Start build 1 is running.',
      until: null,
      changes: 'The end of the build.',
      decides: '18: workspace was never built',
    },
  ],
  retrying: [
    world({ builds: [failed({ finishedAt: NOW - 4 * SECOND })] }),
    {
      summary: 'Workspace dev is to be running (Retry). Start build 1 failed: main.tf:3: no such thing. It is tried again.',
      wants: 'running',
      reason: 'Retry',
      holds: 'Retry: Start build 1 failed: main.tf:3: no such thing. It is tried again.',
      until: '2026-11-21T08:00:06Z',
      changes: 'Wait, or change the spec or the template; a request to start begins anew.',
      decides: '9: failed build is tried again',
    },
  ],
  'template missing': [
    world({ template: null }),
    {
      summary: 'Workspace dev is to be running (Created). Template default/node does not exist.',
      wants: 'running',
      reason: 'Created',
      holds: 'TemplateMissing: Template default/node does not exist.',
      until: null,
      changes: 'Declare the template; the workspace goes on by itself.',
      decides: '18: workspace was never built',
    },
  ],
  'parameter invalid': [
    world({ workspace: { parameters: { cpu: 'many' } }, builds: [build()] }),
    {
      summary: 'Workspace dev is to be running (Updated). Parameter "cpu" must be a number, not "many".',
      wants: 'running',
      reason: 'Updated',
      holds: 'ParameterInvalid: Parameter "cpu" must be a number, not "many".',
      until: null,
      changes: 'Correct spec.parameters.',
      decides: '16: inputs have changed',
    },
  ],
  paused: [
    world({ workspace: { paused: true }, builds: [build()] }),
    {
      summary: 'Workspace dev stays as it is (Paused). The workspace is paused (annotation bothy.dev/paused): nothing is done to it.',
      wants: 'as it is',
      reason: 'Paused',
      holds: 'Paused: The workspace is paused (annotation bothy.dev/paused): nothing is done to it.',
      until: null,
      changes: 'Remove the annotation bothy.dev/paused.',
      decides: '3: workspace is paused',
    },
  ],
  settled: [
    world({ builds: [build()], agents: [agent()] }),
    {
      summary: 'Workspace dev stays as it is. It is running.',
      wants: 'as it is',
      reason: 'Handled',
      holds: '',
      until: null,
      changes: 'A change of its spec, its template or its owner, or a request.',
      decides: undefined,
    },
  ],
  'in use, with a deadline': [
    withTtl({ activity: { lastUsedAt: NOW - SECOND, sources: [{ kind: 'Ssh', at: NOW - SECOND, by: 'ada' }] } }),
    {
      summary:
        'Workspace dev stays as it is. It is running. It is in use (Ssh, ada). It stops at 2026-11-21T15:51:00Z (Deadline) if nothing else happens.',
      wants: 'as it is',
      reason: 'Handled',
      holds: '',
      until: '2026-11-21T15:51:00Z',
      changes: 'Use it, or ask for more time: bothy extend NAME, bothy hold NAME.',
      decides: undefined,
    },
  ],
  held: [
    withTtl({ life: { holdUntil: NOW + 9 * HOUR, holdReason: 'a long build' } }),
    {
      summary:
        'Workspace dev stays as it is. It is running. It is held until 2026-11-21T17:00:00Z: a long build. It stops at 2026-11-21T17:00:00Z (Deadline) if nothing else happens.',
      wants: 'as it is',
      reason: 'Handled',
      holds: '',
      until: '2026-11-21T17:00:00Z',
      changes: 'Use it, or ask for more time: bothy extend NAME, bothy hold NAME.',
      decides: undefined,
    },
  ],
  'asleep until its schedule': [
    world({ builds: [stop({ reason: 'Deadline' }), build()], workspace: { schedule: { autostart: '0 9 * * *' } } }),
    {
      summary: 'Workspace dev stays as it is. It is stopped because its time was over. It starts by itself at 2026-11-21T09:00:00Z.',
      wants: 'as it is',
      reason: 'Handled',
      holds: '',
      until: '2026-11-21T09:00:00Z',
      changes: 'A change of its spec, its template or its owner, or a request.',
      decides: undefined,
    },
  ],
  dormant: [
    world({ builds: [stop({ reason: 'Dormant' }), build()], life: { dormantAt: NOW - HOUR, deleteDormantAfterMs: 0 } }),
    {
      summary: 'Workspace dev is to be stopped (Dormant). It is stopped because nobody used it for long (dormant).',
      wants: 'stopped',
      reason: 'Dormant',
      holds: '',
      until: null,
      changes: 'Ask for a start: bothy start NAME.',
      decides: '14: it is dormant',
    },
  ],
}

describe('why', () => {
  test.each(Object.entries(WHYS))('%s', (_, [seen, expected]) => {
    expect(told(seen)).toEqual(expected)
  })
})
