import { expect, test } from 'vitest'
import { nearest } from '../../cli/nearest.ts'
import { failureOfAnswer } from '../../cli/refusal.ts'

const at = { url: 'http://127.0.0.1:7080', from: 'the test', sent: true }

function said(status: number, answer: object) {
  const { code, text, causes } = failureOfAnswer(status, JSON.stringify(answer), at)
  return { code, what: text.what, fields: causes.map(({ field }) => field) }
}

const strict = (fields: string) => `Workspace in version "v1alpha1" cannot be handled as a Workspace: strict decoding error: ${fields}`
const cause = (field: string, message: string) => ({ reason: 'FieldValueInvalid', field, message })

const fixOf = (reason: string) => failureOfAnswer(409, JSON.stringify({ reason, message: 'no' }), at).text.fix

test('to look again helps who was overtaken, and not whose name is taken', () => {
  expect(fixOf('Conflict')).toBe('look at it again, and repeat')
  expect(fixOf('AlreadyExists')).toBe(undefined)
})

test('a field that is not there is named, and the one that was probably meant', () => {
  expect(said(400, { reason: 'BadRequest', message: strict('unknown field "spec.schedule.tl", unknown field "spec.colour"') })).toEqual({
    code: 4,
    what: 'spec.schedule.tl: there is no such field; did you mean ttl?; spec.colour: there is no such field',
    fields: ['spec.schedule.tl', 'spec.colour'],
  })
})

test('of what a server finds wrong with one field the first is told, in words', () => {
  const causes = [
    cause('metadata.name', 'Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters'),
    cause('metadata.name', 'Invalid value: "A_b": metadata.name in body should match \'^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$\''),
    cause('spec.parameters.cpu', 'Invalid value: "integer": spec.parameters.cpu in body must be of type string: "integer"'),
    cause('spec.schedule.ttl', 'Invalid value: "string": must be at most 30d'),
    cause('<nil>', 'Invalid value: null: some validation rules were not checked'),
  ]
  expect(said(422, { reason: 'Invalid', message: 'raw', details: { causes } })).toEqual({
    code: 4,
    what: [
      'metadata.name: "A_b" cannot be a name: write lower-case letters, digits and -, beginning and ending with a letter or digit',
      'spec.parameters.cpu: must be text: put it in quotes',
      'spec.schedule.ttl: must be at most 30d',
    ].join('; '),
    fields: ['metadata.name', 'spec.parameters.cpu', 'spec.schedule.ttl'],
  })
})

const denied = (message: string) => {
  const causes = [{ message: `ValidatingAdmissionPolicy 'limits' with binding 'all' denied request: ${message}` }]
  const { what, fields } = said(422, { reason: 'Invalid', message: 'raw', details: { causes } })
  return [what, ...fields]
}

test('what a policy of ours refuses has the field that its sentence begins with; of any other all is told', () => {
  expect(denied('spec.schedule.ttl: Invalid value: "8h": must be at most 4h')).toEqual([
    'spec.schedule.ttl: Invalid value: "8h": must be at most 4h (policy limits)',
    'spec.schedule.ttl',
  ])
  expect(denied('metadata.annotations[bothy.dev/paused]: Forbidden: no')).toEqual([
    'metadata.annotations[bothy.dev/paused]: Forbidden: no (policy limits)',
    'metadata.annotations[bothy.dev/paused]',
  ])
  expect(denied('not on Fridays: wait')).toEqual([
    "ValidatingAdmissionPolicy 'limits' with binding 'all' denied request: not on Fridays: wait",
    '',
  ])
})

const unreadable = (why: string) =>
  said(400, { reason: 'BadRequest', message: `Owner in version "v1alpha1" cannot be handled as a Owner: ${why}` }).what

test('metadata that cannot be read has its field, and words without Go', () => {
  expect(unreadable('json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string')).toBe(
    'metadata.labels: a number is no text: put it in quotes',
  )
  expect(unreadable('json: cannot unmarshal string into Go value of type v1.ObjectMeta')).toBe('metadata: text cannot stand here')
})

test('a page that is not there is no control plane, and no object that is not there', () => {
  const { code, text } = failureOfAnswer(404, '<html>Not Found</html>', at)
  expect([code, text.what]).toEqual([5, 'what answers is no control plane: it says 404'])
})

test('what is not there is named as the command line takes it', () => {
  const details = { group: 'bothy.dev', kind: 'workspaces', name: 'dev' }
  expect(said(404, { reason: 'NotFound', message: 'workspaces.bothy.dev "dev" not found', details })).toMatchObject({
    code: 3,
    what: 'there is no workspace/dev',
  })
  const answer = JSON.stringify({ reason: 'NotFound', message: 'no', details })
  expect(failureOfAnswer(404, answer, at).text.fix).toBe('the command get workspaces -A lists what there is')
})

test('the nearest name is found over letters that are missing, too many, wrong or swapped', () => {
  const names = ['owner', 'power', 'preset', 'parameters']
  expect(['pwoer', 'Power', 'powr', 'powerr', 'pover', 'colour', 'p'].map((name) => nearest(name, names))).toEqual([
    'power',
    'power',
    'power',
    'power',
    'power',
    null,
    null,
  ])
})
