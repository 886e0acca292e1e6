import * as fc from 'fast-check'
import { decide } from '../../controller/reconcile/template/decide.ts'
import type { Seen } from '../../controller/reconcile/template/seen.ts'
import type { Job } from '../../controller/store/records.ts'
import { build, HOUR, NOW, provisioner, V1, V2, version } from './worlds.ts'

/** Templates as the reconciler sees them, and random ones. */

export const seen = ({
  template = {},
  ...over
}: Omit<Partial<Seen>, 'template'> & { readonly template?: Partial<Seen['template']> } = {}): Seen => ({
  source: { usable: true, digest: V1, origin: 'inline', files: [] },
  versions: [],
  newestImport: null,
  provisioners: [provisioner()],
  controllerStartedAt: NOW - HOUR,
  workspaces: { total: 0, running: 0, outdated: 0, names: [] },
  ...over,
  template: {
    namespace: 'default',
    name: 'node',
    uid: 'template-uid',
    deleting: false,
    hasFinalizer: true,
    sourceError: null,
    pinned: null,
    labels: {},
    variables: {},
    variablesProblem: null,
    variablesElsewhere: false,
    lookAsked: false,
    before: { activeDigest: null, conditions: [] },
    ...template,
  },
})

/** What an import of these variables is made of: taken from the import itself. */
const [first] = decide(seen(), NOW).actions
const INPUTS = first?.do === 'queue-import' ? (first.job.inputs ?? '') : ''

export const imported = (over: Partial<Job> = {}): Job =>
  build({ kind: 'import', number: null, transition: null, digest: V1, inputs: INPUTS, ...over })
export const importing = (over: Partial<Job> = {}) => imported({ phase: 'Running', finishedAt: null, ...over })
export const failed = (over: Partial<Job> = {}) =>
  imported({ phase: 'Failed', errorReason: 'ImportFailed', error: 'main.tf:3:1: no such thing', ...over })

export const row = version()

export const anyTemplate = fc
  .record({
    deleting: fc.boolean(),
    hasFinalizer: fc.boolean(),
    pinned: fc.constantFrom(null, null, V1, V2),
    users: fc.constantFrom(0, 0, 3),
    usable: fc.constantFrom(true, true, false),
    known: fc.constantFrom([], [row], [version({ importedAt: null, failedAt: NOW })], [row, version({ digest: V2 })]),
    newest: fc.constantFrom(
      null,
      importing(),
      imported(),
      failed(),
      failed({ errorReason: 'Interrupted', finishedAt: NOW }),
      failed({ inputs: 'other' }),
    ),
    lookAsked: fc.boolean(),
  })
  .map(({ users, usable, known, newest, ...template }) =>
    seen({
      template,
      versions: known,
      newestImport: newest,
      ...(usable ? {} : { source: { usable: false, reason: 'FolderUnavailable', message: 'Nobody reads it.' } as const }),
      workspaces: { total: users, running: 0, outdated: 0, names: ['a'].slice(0, users) },
    }),
  )
