import { describe, expect, test } from 'vitest'
import { why } from '../../controller/reconcile/workspace/why.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { agent, build, failed, NOW, running, SECOND, world } from './worlds.ts'

type Told = Omit<ReturnType<typeof why>, 'rules'> & { readonly decides: string | undefined }

function told(seen: Seen): Told {
  const { rules, ...rest } = why(seen, NOW)
  return { ...rest, decides: rules.find(({ decides }) => decides)?.rule }
}

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
}

describe('why', () => {
  test.each(Object.entries(WHYS))('%s', (_, [seen, expected]) => {
    expect(told(seen)).toEqual(expected)
  })
})
