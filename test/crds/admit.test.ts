import { expect, test } from 'vitest'
import { admit, readStored } from '../../crds/schema/index.ts'
import { causesOf, created, kindNamed, objectOf, refusalOf, replaced, template, workspace, type Written } from './support/objects.ts'

const DIGEST = `sha256:${'0'.repeat(64)}`
const LONG = 'x'.repeat(300)

/** Kind, object, and the field of the cause that must be there. */
const INVALID: readonly (readonly [what: string, kind: string, object: Written, field: string, reason: string])[] = [
  ['a name in capitals', 'Workspace', { metadata: { name: 'Dev' }, ...workspace() }, 'metadata.name', 'FieldValueInvalid'],
  ['a name of 64 characters', 'Workspace', { metadata: { name: 'a'.repeat(64) }, ...workspace() }, 'metadata.name', 'FieldValueTooLong'],
  ['no name', 'Workspace', { metadata: {}, ...workspace() }, 'metadata.name', 'FieldValueRequired'],
  [
    'a label of spaces',
    'Workspace',
    { metadata: { name: 'dev', labels: { team: 'a b' } }, ...workspace() },
    'metadata.labels',
    'FieldValueInvalid',
  ],
  [
    'a label without a name',
    'Workspace',
    { metadata: { name: 'dev', labels: { 'a/': '' } }, ...workspace() },
    'metadata.labels',
    'FieldValueInvalid',
  ],
  [
    'annotations of 300 KB',
    'Workspace',
    { metadata: { name: 'dev', annotations: { a: 'x'.repeat(300_000) } }, ...workspace() },
    'metadata.annotations',
    'FieldValueTooLong',
  ],
  [
    'a finalizer of two slashes',
    'Workspace',
    { metadata: { name: 'dev', finalizers: ['a/b/c'] }, ...workspace() },
    'metadata.finalizers',
    'FieldValueInvalid',
  ],
  ['no spec', 'Workspace', {}, 'spec', 'FieldValueRequired'],
  ['no template', 'Workspace', { spec: {} }, 'spec.template', 'FieldValueRequired'],
  ['a template without a name', 'Workspace', { spec: { template: {} } }, 'spec.template.name', 'FieldValueRequired'],
  ['a template name of dots', 'Workspace', { spec: { template: { name: 'a.b' } } }, 'spec.template.name', 'FieldValueInvalid'],
  ['a short digest', 'Workspace', workspace({ template: { name: 'a', digest: 'sha256:12' } }), 'spec.template.digest', 'FieldValueInvalid'],
  ['power off', 'Workspace', workspace({ power: 'Off' }), 'spec.power', 'FieldValueNotSupported'],
  ['a number as a parameter', 'Workspace', workspace({ parameters: { cpu: 2 } }), 'spec.parameters.cpu', 'FieldValueTypeInvalid'],
  ['parameters as a list', 'Workspace', workspace({ parameters: ['cpu'] }), 'spec.parameters', 'FieldValueTypeInvalid'],
  ['an owner of two words', 'Workspace', workspace({ owner: 'ada l' }), 'spec.owner', 'FieldValueInvalid'],
  ['an owner of 300 characters', 'Workspace', workspace({ owner: LONG }), 'spec.owner', 'FieldValueTooLong'],
  ['a ttl in words', 'Workspace', workspace({ schedule: { ttl: 'long' } }), 'spec.schedule.ttl', 'FieldValueInvalid'],
  ['a source of no kind', 'Template', { spec: { source: {} } }, 'spec.source.type', 'FieldValueRequired'],
  [
    'no files',
    'Template',
    { spec: { source: { type: 'Inline', inline: { files: {} } } } },
    'spec.source.inline.files',
    'FieldValueInvalid',
  ],
  [
    'a variable twice',
    'Template',
    template({
      variables: [
        { name: 'a', value: '1' },
        { name: 'a', value: '2' },
      ],
    }),
    'spec.variables[1]',
    'FieldValueDuplicate',
  ],
  ['a variable without a name', 'Template', template({ variables: [{ value: '1' }] }), 'spec.variables[0].name', 'FieldValueRequired'],
  ['a namespace twice', 'Template', template({ allowedNamespaces: ['a', 'b', 'a'] }), 'spec.allowedNamespaces[2]', 'FieldValueDuplicate'],
  [
    'eight weekdays',
    'Template',
    template({ schedule: { autostart: { days: Array(8).fill('Mon') } } }),
    'spec.schedule.autostart.days',
    'FieldValueTooMany',
  ],
  [
    'every seventeen weeks',
    'Template',
    template({ schedule: { requirement: { weeks: 17 } } }),
    'spec.schedule.requirement.weeks',
    'FieldValueInvalid',
  ],
  [
    'half a week',
    'Template',
    template({ schedule: { requirement: { weeks: 1.5 } } }),
    'spec.schedule.requirement.weeks',
    'FieldValueTypeInvalid',
  ],
  ['an unknown action', 'WorkspaceRequest', { spec: { workspace: 'dev', action: 'Boot' } }, 'spec.action', 'FieldValueNotSupported'],
  [
    'a time that is none',
    'WorkspaceRequest',
    { spec: { workspace: 'dev', action: 'Extend', until: '2026-02-30T00:00:00Z' } },
    'spec.until',
    'FieldValueTypeInvalid',
  ],
  ['quiet hours at noon', 'Owner', { spec: { quietHours: 'noon' } }, 'spec.quietHours', 'FieldValueInvalid'],
]

const NAMED = INVALID.map(([what, kind, object, field, reason]) => ({ what, kind, object, field, reason }))

test.each(NAMED)('$what is refused at $field', ({ kind, object, field, reason }) => {
  expect(causesOf(() => created(kind, object)).map((cause) => ({ field: cause.field, reason: cause.reason }))).toContainEqual({
    field,
    reason,
  })
})

test('one cause is said plainly, in the words of the API server', () => {
  expect(refusalOf(() => created('Workspace', workspace({ owner: 'a b' })))).toBe(
    '422 Invalid Workspace.bothy.dev "dev" is invalid: spec.owner: Invalid value: "a b": spec.owner in body should match \'^[^\\s]+$\'',
  )
})

test('rules are not asked of an object of a wrong shape, and that is said', () => {
  expect(causesOf(() => created('Workspace', { spec: { template: {}, schedule: { ttl: '90s' } } }))).toEqual([
    { field: 'spec.template.name', reason: 'FieldValueRequired', message: 'Required value' },
    {
      field: '<nil>',
      reason: 'FieldValueInvalid',
      message:
        'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    },
  ])
})

test('a pattern does not keep rules from being asked', () => {
  const fields = causesOf(() => created('Workspace', workspace({ owner: 'a b', schedule: { ttl: '90s' } }))).map(({ field }) => field)
  expect(fields).toEqual(['spec.owner', 'spec.schedule.ttl'])
})

test('defaults come level by level', () => {
  expect(created('Workspace', workspace()).object.spec).toEqual({
    template: { name: 'node' },
    parameters: {},
    power: 'Auto',
    schedule: {},
    updates: 'Manual',
    approval: 'Auto',
    deletionPolicy: 'Destroy',
  })
  expect(created('Template', template({ schedule: { idleAfter: { default: '1h' } } })).object.spec).toMatchObject({
    version: { policy: 'Latest' },
    schedule: { idleAfter: { default: '1h', min: '15m', max: '0s' }, autostart: { allowed: true }, requirement: { days: [], weeks: 1 } },
  })
  expect(created('Owner', {}).object.spec).toEqual({ suspended: false, timezone: 'UTC', quietHours: '00:00' })
})

test('no two objects share a default', () => {
  const [a, b] = [created('Template', template()).object, created('Template', template()).object]
  expect(a).toEqual(b)
  expect((a.spec as { allowedNamespaces: unknown }).allowedNamespaces).not.toBe(
    (b.spec as { allowedNamespaces: unknown }).allowedNamespaces,
  )
})

test('a null is as if the field were not there, in maps too', () => {
  const spec = created('Workspace', workspace({ power: null, preset: null, parameters: { cpu: null, disk: '1' } })).object.spec
  expect(spec).toMatchObject({ power: 'Auto', parameters: { disk: '1' } })
  expect(Object.keys(spec as object)).not.toContain('preset')
})

test('a null that is required is missing, and one in a list is of a wrong type', () => {
  expect(causesOf(() => created('Workspace', { spec: { template: null } }))[0]).toMatchObject({
    field: 'spec.template',
    reason: 'FieldValueRequired',
  })
  expect(causesOf(() => created('Template', template({ allowedNamespaces: [null] })))[0]).toMatchObject({
    field: 'spec.allowedNamespaces[0]',
    reason: 'FieldValueTypeInvalid',
  })
})

test('fields nobody knows are dropped with a warning, or refused, or dropped silently', () => {
  const object = { ...workspace({ ownr: 'ada', template: { name: 'node', versoin: 1 } }), extra: 1 }
  const warned = created('Workspace', object)
  expect(warned.warnings).toEqual(['unknown field "extra"', 'unknown field "spec.ownr"', 'unknown field "spec.template.versoin"'])
  expect(warned.unknown).toEqual(['extra', 'spec.ownr', 'spec.template.versoin'])
  expect(JSON.stringify(warned.object)).not.toMatch(/ownr|versoin|extra/)
  expect(created('Workspace', object, { fieldValidation: 'Ignore' }).warnings).toEqual([])
  expect(refusalOf(() => created('Workspace', workspace({ ownr: 'ada' }), { fieldValidation: 'Strict' }))).toBe(
    '400 BadRequest Workspace in version "v1alpha1" cannot be handled as a Workspace: strict decoding error: unknown field "spec.ownr"',
  )
  expect(causesOf(() => created('Workspace', workspace({ ownr: 'ada' }), { fieldValidation: 'Strict', patch: true }))[0]?.field).toBe(
    'patch',
  )
})

test('a number written as 10.0 is an integer', () => {
  expect(created('Template', template({ retention: { versions: JSON.parse('10.0') as number } })).object.spec).toMatchObject({
    retention: { versions: 10 },
  })
})

test('lengths count characters, not halves of them', () => {
  expect(created('Template', template({ displayName: '😀'.repeat(64) })).warnings).toEqual([])
  expect(causesOf(() => created('Template', template({ displayName: '😀'.repeat(65) })))[0]?.message).toBe(
    'Too long: may not be more than 64 bytes',
  )
})

test('status is not written with the rest, nor the rest with status', () => {
  const old = { ...created('Workspace', workspace({ owner: 'ada' })).object, status: { state: 'Running' } }
  expect(created('Workspace', { ...workspace(), status: { state: 'Running' } }).object.status).toEqual({ observedGeneration: -1 })
  expect(
    replaced('Workspace', { ...workspace({ owner: 'ada', power: 'Stopped' }), status: { state: 'Failed' } }, old).object,
  ).toMatchObject({
    spec: { power: 'Stopped' },
    status: { state: 'Running' },
  })
  const wrong = { metadata: { name: 'other' }, spec: { owner: 'bob' }, status: { state: 'Stopped' } }
  expect(replaced('Workspace', wrong, old, { subresource: 'status' }).object).toEqual({ ...old, status: { state: 'Stopped' } })
})

test('a wrong status names its field, and the message leaves the word status out', () => {
  const old = created('Workspace', workspace()).object
  const status = {
    state: 'Dancing',
    conditions: [{ type: 'Ready', status: 'True', reason: 'no words', message: '', lastTransitionTime: '2026-11-21T00:00:00Z' }],
  }
  expect(causesOf(() => replaced('Workspace', { status }, old, { subresource: 'status' })).slice(0, 2)).toEqual([
    {
      field: 'status.state',
      reason: 'FieldValueNotSupported',
      message:
        'Unsupported value: "Dancing": supported values: "Pending", "Queued", "Starting", "Running", "Stopping", "Stopped", "Deleting", "Failed", "Dormant", "Expired", "Paused", "AwaitingApproval"',
    },
    {
      field: 'status.conditions[0].reason',
      reason: 'FieldValueInvalid',
      message: 'Invalid value: "no words": conditions[0].reason in body should match \'^[A-Z][A-Za-z]*$\'',
    },
  ])
})

test('outputs may be of any type', () => {
  const old = created('Workspace', workspace()).object
  const outputs = { port: 8080, hosts: ['a', { name: 'b' }], none: null }
  expect(replaced('Workspace', { status: { outputs } }, old, { subresource: 'status' }).object.status).toEqual({
    outputs: { port: 8080, hosts: ['a', { name: 'b' }] },
  })
})

/** An object as an older definition let it be stored. */
const stored = (spec: object) => ({ ...objectOf('Workspace', workspace(spec)) })

test('what was stored wrong stays changeable elsewhere', () => {
  const old = stored({ owner: 'two words', schedule: { ttl: '90s' } })
  const next = replaced('Workspace', workspace({ owner: 'two words', schedule: { ttl: '90s' }, power: 'Stopped' }), old)
  expect(next.object.spec).toMatchObject({ power: 'Stopped', owner: 'two words' })
  expect(next.warnings).toEqual(['spec.schedule.ttl: Invalid value: "90s": must be whole minutes'])
})

test('what was stored wrong is refused once it changes', () => {
  const old = stored({ schedule: { ttl: '90s', timezone: '1' } })
  expect(
    causesOf(() => replaced('Workspace', workspace({ schedule: { ttl: '91s', timezone: '2' } }), old)).map(({ field }) => field),
  ).toEqual(['spec.schedule.timezone', 'spec.schedule.ttl'])
})

test('items of a list map are told apart by key, those of a set are not', () => {
  const bad = { name: 'Bad Name', value: '1' }
  const old = objectOf('Template', template({ variables: [bad], allowedNamespaces: ['A'] }))
  const moved = template({ variables: [{ name: 'fine', value: '' }, bad], allowedNamespaces: ['A'] })
  expect(replaced('Template', moved, old).warnings).toEqual([])
  const grown = template({ variables: [bad], allowedNamespaces: ['A', 'b'] })
  expect(causesOf(() => replaced('Template', grown, old)).map(({ field }) => field)).toEqual(['spec.allowedNamespaces[0]'])
})

test('repeats that were stored are tolerated, all of them', () => {
  const twice = template({ allowedNamespaces: ['a', 'a'] })
  const old = objectOf('Template', twice)
  expect(replaced('Template', { ...twice, spec: { ...(twice.spec as object), displayName: 'x' } }, old).warnings).toEqual([])
})

test('an unchanged object that breaks a rule about change is fine', () => {
  const old = created('WorkspaceRequest', { spec: { workspace: 'dev', action: 'Extend', until: '2026-11-21T18:30:00Z' } }).object
  expect(replaced('WorkspaceRequest', { spec: old.spec }, old).warnings).toEqual([])
  const labelled = { metadata: { name: 'dev', labels: { a: 'b' } }, spec: old.spec }
  expect(replaced('WorkspaceRequest', labelled, old).object.metadata.labels).toEqual({ a: 'b' })
})

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('the name %s is a name as any other', (name) => {
  const parameters = JSON.parse(`{"${name}": "x"}`) as object
  const { object } = created('Workspace', workspace({ parameters }))
  expect(Object.getOwnPropertyNames((object.spec as { parameters: object }).parameters)).toEqual([name])
  expect(Object.getPrototypeOf((object.spec as { parameters: object }).parameters)).toBe(Object.prototype)
  const raw = JSON.parse(`{"template": {"name": "node"}, "${name}": {"polluted": true}}`) as object
  expect(created('Workspace', { spec: raw }).warnings).toEqual([`unknown field "spec.${name}"`])
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  const named = JSON.parse(`{"name": "dev", "${name}": {}, "labels": {"${name}": "x"}}`) as object
  const metadata = causesOrObject(() => admit(kindNamed('Workspace'), objectOf('Workspace', { ...workspace(), metadata: named }), null))
  expect(metadata).toBe(name === '__proto__' ? 'metadata.labels' : 'fine')
})

/** A label may not begin with an underscore; the other names are labels as any other. */
function causesOrObject(work: () => unknown): string {
  try {
    return causesOf(work)[0]?.field ?? ''
  } catch (error) {
    return error instanceof Error && error.message === 'was accepted' ? 'fine' : String(error)
  }
}

test('what belongs to no namespace is in none', () => {
  expect(created('Owner', { metadata: { name: 'ada', namespace: 'default' } }).object.metadata).toEqual({ name: 'ada' })
})

test('an object of another kind or version is not read', () => {
  expect(refusalOf(() => admit(kindNamed('Workspace'), { apiVersion: 'v1', kind: 'Pod' }, null))).toBe(
    '400 BadRequest the object provided is a v1, Kind=Pod, not a bothy.dev/v1alpha1, Kind=Workspace',
  )
  expect(refusalOf(() => admit(kindNamed('Workspace'), ['x'], null))).toBe('400 BadRequest a Workspace must be an object')
})

test('metadata of wrong types cannot be read', () => {
  expect(refusalOf(() => created('Workspace', { metadata: { name: 'dev', labels: { a: 1 } }, ...workspace() }))).toBe(
    '400 BadRequest Workspace in version "v1alpha1" cannot be handled as a Workspace: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string',
  )
})

test('a thousand levels are not followed', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`) as unknown
  const old = created('Workspace', workspace()).object
  expect(refusalOf(() => replaced('Workspace', { status: { outputs: { deep } } }, old, { subresource: 'status' }))).toContain(
    'nested too deeply',
  )
})

test('what was stored before a default existed is read with it', () => {
  expect(readStored(kindNamed('Owner'), { ...objectOf('Owner'), spec: { suspended: true, gone: 1 } }).spec).toEqual({
    suspended: true,
    timezone: 'UTC',
    quietHours: '00:00',
  })
})

test('a digest of the right form is taken', () => {
  expect(created('Workspace', workspace({ template: { name: 'node', digest: DIGEST } })).warnings).toEqual([])
})

test('namespaces and events are admitted as well', () => {
  expect(created('Namespace', { metadata: { name: 'team-a' } }).object).toMatchObject({ status: { phase: 'Active' } })
  const event = {
    metadata: { generateName: 'dev-' },
    eventTime: '2026-11-21T00:00:00.000000Z',
    type: 'Normal',
    reason: 'Started',
    regarding: { kind: 'Workspace', name: 'dev' },
  }
  expect(created('Event', event).warnings).toEqual([])
})
