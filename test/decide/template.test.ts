import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide, type Action } from '../../controller/reconcile/template/decide.ts'
import type { Seen } from '../../controller/reconcile/template/seen.ts'
import { mergedConditions } from '../../controller/status/conditions.ts'
import { anyTemplate, failed, imported, importing, row, seen } from './any-template.ts'
import { conditionsProblem } from './kstatus.ts'
import { HOUR, MINUTE, NOW, parameter, SECOND, V1, V2, version } from './worlds.ts'

interface Summary {
  readonly does: readonly string[]
  readonly ready: string
  readonly under: string | null
  readonly active: string | null
  readonly wakesInMs: number | null
}

const told = (action: Action): string => {
  if (action.do === 'queue-import') return `import ${action.job.digest.slice(7, 10)}`
  return action.do === 'emit' ? `tell ${action.happening.reason}` : action.do
}

function summary(seen: Seen): Summary {
  const verdict = decide(seen, NOW)
  const of = (type: string) => verdict.conditions.find((condition) => condition.type === type)
  const under = of('Reconciling') ?? of('Stalled')
  const active = verdict.status['activeVersion']
  return {
    does: verdict.actions.map(told),
    ready: `${of('Ready')?.status ?? ''} ${of('Ready')?.reason ?? ''}`,
    under: under ? `${under.type} ${under.reason}` : null,
    active: typeof active === 'object' && active && 'short' in active ? String(active.short).slice(0, 3) : null,
    wakesInMs: verdict.wakeAt === null ? null : verdict.wakeAt - NOW,
  }
}

const active = { before: { activeDigest: V1, conditions: [] } }
const second = { source: { usable: true, digest: V2, origin: 'inline', files: [] } as const, versions: [row], template: active }

const TABLES: Readonly<Record<string, readonly (readonly [sentence: string, seen: Seen, expected: Summary])[]>> = {
  import: [
    [
      'a new template is made ours and imported',
      seen({ template: { hasFinalizer: false } }),
      { does: ['add-finalizer', 'import 111'], ready: 'False Importing', under: 'Reconciling Importing', active: null, wakesInMs: null },
    ],
    [
      'while its import runs, it is importing',
      seen({ newestImport: importing() }),
      { does: [], ready: 'False Importing', under: 'Reconciling Importing', active: null, wakesInMs: 5 * SECOND },
    ],
    [
      'an import that nobody takes waits for a provisioner',
      seen({ newestImport: importing({ phase: 'Queued' }), provisioners: [] }),
      { does: [], ready: 'False NoProvisioner', under: 'Reconciling NoProvisioner', active: null, wakesInMs: 5 * SECOND },
    ],
    [
      'while the control plane starts, that is not worth telling',
      seen({ newestImport: importing({ phase: 'Queued' }), provisioners: [], controllerStartedAt: NOW - 9 * SECOND }),
      { does: [], ready: 'False Importing', under: 'Reconciling Importing', active: null, wakesInMs: 5 * SECOND },
    ],
    [
      'imported: it is ready, and tells which version is active',
      seen({ versions: [row], newestImport: imported() }),
      { does: ['tell Imported'], ready: 'True Imported', under: null, active: '111', wakesInMs: null },
    ],
    [
      'known to be imported: nothing is left to do',
      seen({ versions: [row], newestImport: imported(), template: active }),
      { does: [], ready: 'True Imported', under: null, active: '111', wakesInMs: null },
    ],
    [
      'imported content is not imported again, also when its job is long gone',
      seen({ versions: [row], template: active }),
      { does: [], ready: 'True Imported', under: null, active: '111', wakesInMs: null },
    ],
    [
      'changed content is imported, and the last version stays active',
      seen(second),
      { does: ['import 222'], ready: 'False Importing', under: 'Reconciling Importing', active: '111', wakesInMs: null },
    ],
    [
      'content that changed back is active again at once',
      seen({ versions: [version({ digest: V2, importedAt: NOW }), row], template: { before: { activeDigest: V2, conditions: [] } } }),
      { does: ['tell Imported'], ready: 'True Imported', under: null, active: '111', wakesInMs: null },
    ],
  ],
  'failed imports': [
    [
      'a mistake in the files is told, and not tried again',
      seen({ newestImport: failed() }),
      { does: ['tell ImportFailed'], ready: 'False ImportFailed', under: 'Stalled ImportFailed', active: null, wakesInMs: null },
    ],
    [
      'a mistake in new files keeps the last good version active',
      seen({ ...second, newestImport: failed({ digest: V2 }) }),
      { does: ['tell ImportFailed'], ready: 'False ImportFailed', under: 'Stalled ImportFailed', active: '111', wakesInMs: null },
    ],
    [
      'a provider that is not there is its own reason',
      seen({ newestImport: failed({ errorReason: 'ProviderUnavailable' }) }),
      {
        does: ['tell ImportFailed'],
        ready: 'False ProviderUnavailable',
        under: 'Stalled ProviderUnavailable',
        active: null,
        wakesInMs: null,
      },
    ],
    [
      'an interrupted import is tried again after ten seconds',
      seen({ newestImport: failed({ errorReason: 'Interrupted', finishedAt: NOW - 4 * SECOND }) }),
      { does: [], ready: 'False Retry', under: 'Reconciling Retry', active: null, wakesInMs: 6 * SECOND },
    ],
    [
      'at that instant it is tried',
      seen({ newestImport: failed({ errorReason: 'ProvisionerLost', finishedAt: NOW - 10 * SECOND }) }),
      { does: ['import 111'], ready: 'False Importing', under: 'Reconciling Importing', active: null, wakesInMs: null },
    ],
    [
      'other variables may mend it',
      seen({ newestImport: failed(), template: { variables: { region: 'eu' } } }),
      { does: ['import 111'], ready: 'False Importing', under: 'Reconciling Importing', active: null, wakesInMs: null },
    ],
    [
      'whoever asks for a look gets another try',
      seen({ newestImport: failed(), template: { lookAsked: true } }),
      { does: ['import 111'], ready: 'False Importing', under: 'Reconciling Importing', active: null, wakesInMs: null },
    ],
    [
      'a value that is not there is looked for again, and nothing is imported without it',
      seen({ template: { variablesProblem: 'Variable token: there is no Secret cloud …' } }),
      { does: [], ready: 'False VariableMissing', under: 'Stalled VariableMissing', active: null, wakesInMs: 30_000 },
    ],
  ],
  sources: [
    [
      'a folder that nobody reads',
      seen({ source: { usable: false, reason: 'FolderUnavailable', message: 'Nobody reads it.' } }),
      { does: [], ready: 'False FolderUnavailable', under: 'Stalled FolderUnavailable', active: null, wakesInMs: null },
    ],
    [
      'a kind of source that is not there yet',
      seen({ source: { usable: false, reason: 'UnsupportedSource', message: 'Not yet.' } }),
      { does: [], ready: 'False UnsupportedSource', under: 'Stalled UnsupportedSource', active: null, wakesInMs: null },
    ],
    [
      'a source that went away keeps the last good version active',
      seen({ source: { usable: false, reason: 'FolderUnavailable', message: 'Nobody reads it.' }, versions: [row], template: active }),
      { does: [], ready: 'False FolderUnavailable', under: 'Stalled FolderUnavailable', active: '111', wakesInMs: null },
    ],
    [
      'pinned to a version that is imported',
      seen({ source: { usable: true, digest: V2, origin: 'inline', files: [] }, versions: [row], template: { ...active, pinned: V1 } }),
      { does: [], ready: 'True Imported', under: null, active: '111', wakesInMs: null },
    ],
    [
      'pinned to a version that was never seen',
      seen({ template: { pinned: V2 } }),
      { does: [], ready: 'False SourceMissing', under: 'Stalled SourceMissing', active: null, wakesInMs: null },
    ],
    [
      'pinned to today’s content: it is imported',
      seen({ template: { pinned: V1 } }),
      { does: ['import 111'], ready: 'False Importing', under: 'Reconciling Importing', active: null, wakesInMs: null },
    ],
  ],
  deletion: [
    [
      'unused: it goes',
      seen({ versions: [row], template: { ...active, deleting: true } }),
      { does: ['remove-finalizer'], ready: 'False Deleting', under: 'Reconciling Deleting', active: '111', wakesInMs: null },
    ],
    [
      'used: it is held',
      seen({
        versions: [row],
        template: { ...active, deleting: true },
        workspaces: { total: 2, running: 1, outdated: 0, names: ['a', 'b'] },
      }),
      { does: [], ready: 'False InUse', under: 'Reconciling InUse', active: '111', wakesInMs: null },
    ],
    [
      'deleting starts no import',
      seen({ template: { deleting: true, hasFinalizer: false } }),
      { does: [], ready: 'False Deleting', under: 'Reconciling Deleting', active: null, wakesInMs: null },
    ],
  ],
}

for (const [about, rows] of Object.entries(TABLES)) {
  describe(about, () => {
    test.each(rows)('%s', (_, world, expected) => {
      expect(summary(world)).toEqual(expected)
    })
  })
}

test('InUse names up to ten workspaces, and how many more there are', () => {
  const names = Array.from({ length: 10 }, (_, i) => `ws-${i}`)
  const { conditions } = decide(seen({ template: { deleting: true }, workspaces: { total: 12, running: 0, outdated: 0, names } }), NOW)
  expect(conditions.find(({ type }) => type === 'InUse')?.message).toBe(
    `It goes once no workspace uses it: ${names.join(', ')} and 2 more.`,
  )
})

test('a failed import names file and line, and what stays active', () => {
  const { conditions } = decide(seen({ ...second, newestImport: failed({ digest: V2 }) }), NOW)
  expect(conditions[0]?.message).toBe('main.tf:3:1: no such thing. Version 111111111111 stays active.')
})

test.each(['main.tf:3:1: no such thing', `main.tf:3:1: ${'no '.repeat(1000)}`, 'main.tf:3:1: \u001b[31mno'])(
  'a failed import is told once: %j',
  (error) => {
    const { conditions } = decide(seen({ newestImport: failed({ error }) }), NOW)
    const stored = mergedConditions([], conditions, 1, NOW)
    expect(
      summary(seen({ newestImport: failed({ error }), template: { before: { activeDigest: null, conditions: stored } } })).does,
    ).toEqual([])
  },
)

test('status lists versions, parameters, presets and how many workspaces there are', () => {
  const versions = [version({ digest: V2, importedAt: null, failedAt: NOW - MINUTE, error: 'main.tf:1: no' }), row]
  expect(decide(seen({ versions, template: active, workspaces: { total: 3, running: 2, outdated: 1, names: [] } }), NOW).status).toEqual({
    activeVersion: { digest: V1, short: '111111111111', importedAt: '2026-11-21T07:00:00Z', source: 'inline' },
    versions: [
      { digest: V2, message: 'main.tf:1: no' },
      { digest: V1, importedAt: '2026-11-21T07:00:00Z' },
    ],
    parameters: [{ name: 'cpu', type: 'number', required: false, default: '2', mutable: true }],
    presets: [{ name: 'large', default: false, parameters: { cpu: '8' } }],
    workspaces: { total: 3, running: 2, outdated: 1 },
  })
})

test('status says which values a parameter takes, unless there are more than fit', () => {
  const validation = { min: 1, max: null, monotonic: null, regex: null, error: 'at least {min}' }
  const offering = (count: number) => {
    const options = Array.from({ length: count }, (_, i) => ({ name: `n${i}`, value: `${i}`, description: i === 0 ? 'the first' : '' }))
    const parameters = [parameter({ options, validation, formType: 'radio' })]
    const { status } = decide(seen({ versions: [version({ parameters })], template: active }), NOW)
    return status['parameters']
  }
  const cpu = { name: 'cpu', type: 'number', required: false, default: '2', mutable: true }
  const rules = { min: 1, error: 'at least {min}' }
  const options = [
    { name: 'n0', value: '0', description: 'the first' },
    { name: 'n1', value: '1' },
  ]
  expect(offering(2)).toEqual([{ ...cpu, formType: 'radio', options, validation: rules }])
  expect(offering(101)).toEqual([{ ...cpu, validation: rules }])
})

/** Imports that succeed, and users that leave. */
function turn(world: Seen, now: number): { readonly next: Seen; readonly acted: boolean } {
  const { actions, conditions, status } = decide(world, now)
  const activated = status['activeVersion']
  const problem = conditionsProblem(conditions, 'Ready')
  if (problem) throw new Error(`${problem} in ${JSON.stringify({ now, seen: world })}`)
  const job = actions.find((action) => action.do === 'queue-import')?.job
  const inFlight = world.newestImport?.finishedAt === null ? world.newestImport : null
  const known = mergedConditions([], conditions, 1, NOW)
  const done = inFlight && !job ? { ...inFlight, phase: 'Succeeded' as const, finishedAt: now } : null
  return {
    acted: actions.length > 0 || done !== null,
    next: {
      ...world,
      template: {
        ...world.template,
        lookAsked: false,
        hasFinalizer:
          (world.template.hasFinalizer || actions.some((action) => action.do === 'add-finalizer')) &&
          !actions.some((action) => action.do === 'remove-finalizer'),
        before: {
          activeDigest: typeof activated === 'object' && activated && 'digest' in activated ? String(activated.digest) : null,
          conditions: known,
        },
      },
      newestImport: job ? importing({ digest: job.digest, inputs: job.inputs ?? '' }) : (done ?? world.newestImport),
      versions: done
        ? [version({ digest: done.digest }), ...world.versions.filter(({ digest }) => digest !== done.digest)]
        : world.versions,
    },
  }
}

test('from any template, with perfect hands, nothing is left to do after a few turns', () => {
  fc.assert(
    fc.property(anyTemplate, (first) => {
      let world = first
      let quiet = 0
      for (let turns = 0; turns < 20 && quiet < 3; turns++) {
        const { next, acted } = turn(world, NOW + turns * HOUR)
        quiet = acted ? 0 : quiet + 1
        world = next
      }
      if (quiet < 3) throw new Error(`still acting: ${JSON.stringify(first)}`)
    }),
    { numRuns: 1000 },
  )
})
