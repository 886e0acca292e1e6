import { expect, test } from 'vitest'
import { loadSchema } from '../../crds/schema/load.ts'
import { ruleIssues } from '../../crds/schema/rules.ts'

/** What our own definitions do not use of rules, and a cluster does: a definition may begin to any day. */

const text = { type: 'string', maxLength: 64 }

const asked = (schema: object, value: unknown, before?: unknown) => {
  const { issues, warnings } = ruleIssues(loadSchema(schema), value, before === undefined ? null : { value: before })
  return { issues: issues.map(({ reason, field, body }) => `${reason} ${field} ${body}`), warnings }
}
const fine = { issues: [], warnings: [] }

test('names that CEL could not read are written as Kubernetes writes them', () => {
  const schema = {
    type: 'object',
    properties: { namespace: text, 'a-b': text, 'c.d/e': text, f__g: text },
    'x-kubernetes-validations': [
      { rule: "self.__namespace__ == 'n' && self.a__dash__b == 'a' && self.c__dot__d__slash__e == 'c' && self.f__underscores__g == 'f'" },
    ],
  }
  expect(asked(schema, { namespace: 'n', 'a-b': 'a', 'c.d/e': 'c', f__g: 'f' })).toEqual(fine)
})

test('a rule about the value of a map names its key', () => {
  const schema = {
    type: 'object',
    additionalProperties: { ...text, 'x-kubernetes-validations': [{ rule: "self != 'bad'", message: 'no bad ones' }] },
  }
  expect(asked({ type: 'object', properties: { parameters: schema } }, { parameters: { cpu: 'bad', 'mem.max': 'fine' } }).issues).toEqual([
    'FieldValueInvalid parameters[cpu] Invalid value: "bad": no bad ones',
  ])
})

test('the items of a list map meet their former selves by key', () => {
  const schema = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: {
      type: 'object',
      properties: { name: text, size: { type: 'integer' } },
      'x-kubernetes-validations': [{ rule: 'self.size >= oldSelf.size', message: 'may only grow', fieldPath: '.size' }],
    },
  }
  const before = [
    { name: 'a', size: 5 },
    { name: 'b', size: 1 },
  ]
  expect(
    asked(
      schema,
      [
        { name: 'new', size: 0 },
        { name: 'b', size: 2 },
        { name: 'a', size: 4 },
      ],
      before,
    ).issues,
  ).toEqual(['FieldValueInvalid [2].size Invalid value: may only grow'])
})

test('a rule that says so is asked without an old one', () => {
  const rule = { rule: "oldSelf.hasValue() ? oldSelf.value() == self : self != 'never'", message: 'set once', optionalOldSelf: true }
  const schema = { ...text, 'x-kubernetes-validations': [rule] }
  expect(asked(schema, 'x')).toEqual(fine)
  expect(asked(schema, 'never').issues).toHaveLength(1)
  expect(asked(schema, 'y', 'x').issues).toHaveLength(1)
  expect(asked(schema, 'x', 'x')).toEqual(fine)
})

const saying = (messageExpression: string) => ({
  type: 'object',
  properties: { size: { type: 'integer' } },
  'x-kubernetes-validations': [{ rule: 'self.size < 3', message: 'too large', messageExpression, reason: 'FieldValueForbidden' }],
})

test('a message may be made of the value; where that fails the fixed one is used', () => {
  expect(asked(saying("'is ' + string(self.size)"), { size: 4 }).issues).toEqual(['FieldValueForbidden  Forbidden: is 4'])
  expect(asked(saying('self.none'), { size: 4 }).issues).toEqual(['FieldValueForbidden  Forbidden: too large'])
})

test('a rule that cannot be asked refuses, also where nothing changed', () => {
  const schema = { ...text, 'x-kubernetes-validations': [{ rule: 'int(self) > 0', message: 'must be more than 0' }] }
  expect(asked(schema, 'x', 'x').issues).toEqual([
    `FieldValueInvalid  Invalid value: "string": type conversion error from 'string' to 'int' evaluating rule: must be more than 0`,
  ])
  expect(asked(schema, '0', '0')).toEqual({ issues: [], warnings: [': Invalid value: "0": must be more than 0'] })
})

test('instants compare as instants', () => {
  const schema = {
    type: 'object',
    properties: { from: { type: 'string', format: 'date-time' }, to: { type: 'string', format: 'date-time' } },
    'x-kubernetes-validations': [{ rule: 'self.from < self.to', message: 'must come after from', fieldPath: '.to' }],
  }
  expect(asked(schema, { from: '2026-11-21T10:00:00+02:00', to: '2026-11-21T09:00:00Z' })).toEqual(fine)
  expect(asked(schema, { from: '2026-11-21T10:00:00Z', to: '2026-11-21T11:00:00+02:00' }).issues).toHaveLength(1)
})

const againstTheEpoch = (sign: string) => ({
  ...text,
  format: 'date-time',
  'x-kubernetes-validations': [{ rule: `self ${sign} timestamp('1970-01-01T00:00:00Z')`, message: 'another' }],
})

test('an instant that is empty, as an older definition took it, is the epoch', () => {
  expect(asked(againstTheEpoch('=='), '', '')).toEqual(fine)
  expect(asked(againstTheEpoch('<'), '', '').warnings).toEqual([': Invalid value: "": another'])
})

/** What passes the format, and is an instant to nobody, is told of as the last layout that the server tries finds it. */
test.each([
  ['2026-02-30T00:00:00Z', 'extra text: "Z"'],
  ['2026-02-30T00:00:00.5+01:00', 'extra text: "+01:00"'],
  ['2026-02-30T00:00:00', 'day out of range'],
  ['2026-00-10T00:00:00Z', 'month out of range'],
  ['2026-01-01T24:00:00Z', 'hour out of range'],
])('the instant %s is refused in the words of the server', (value, why) => {
  const schema = {
    ...text,
    format: 'date-time',
    'x-kubernetes-validations': [{ rule: "self > timestamp('2020-01-01T00:00:00Z')", message: 'late' }],
  }
  // Stored as it is, so that the format is not asked again.
  expect(asked(schema, value, value).issues.join()).toContain(why)
})

test('a text in a rule that looks like a call stays as it is', () => {
  const schema = { ...text, 'x-kubernetes-validations': [{ rule: "self == '.matches(' || self.matches('^a+$')", message: 'no' }] }
  expect(asked(schema, '.matches(')).toEqual(fine)
  expect(asked(schema, 'aaa')).toEqual(fine)
  expect(asked(schema, 'b').issues).toHaveLength(1)
})

test('rules that would take too long are not asked, and that is said', () => {
  const rule = { rule: 'self.all(a, self.all(b, self.all(c, a + b + c >= 0)))', message: 'no' }
  const schema = { type: 'array', items: { type: 'integer' }, 'x-kubernetes-validations': [rule] }
  expect(asked(schema, [1, 2, 3])).toEqual(fine)
  const long = Array.from({ length: 500 }, (_, index) => index)
  expect(asked(schema, long).issues).toEqual([
    'FieldValueInvalid  Invalid value: "array": validation failed due to running out of cost budget, no further validation rules will be run',
  ])
})

test('no pattern takes longer than its text is long', () => {
  const schema = { ...text, 'x-kubernetes-validations': [{ rule: "!self.matches('^(a+)+$')", message: 'no' }] }
  expect(asked(schema, `${'a'.repeat(60)}!`)).toEqual(fine)
})

test('a value of a wrong type, as an older definition took it, fails the rules that read it and no others', () => {
  const schema = {
    type: 'object',
    properties: { size: { type: 'integer' }, name: text },
    'x-kubernetes-validations': [
      { rule: 'self.size > 0', message: 'size' },
      { rule: "self.name != 'x'", message: 'name' },
      { rule: "self.name == 'a' || self.size > 0", message: 'either' },
    ],
  }
  expect(asked(schema, { size: 'ten', name: 'a' }, { size: 'ten', name: 'a' }).issues).toEqual([
    'FieldValueInvalid  Invalid value: "object": invalid data, expected int, got string evaluating rule: size',
  ])
})

test.each([
  [{ type: 'object', allOf: [] }, 'the keyword allOf is not one we can validate'],
  [{ type: 'string', format: 'uri' }, 'the format uri is not one we can validate'],
  [{ type: 'text' }, 'text is none of object, array'],
  [{ type: 'string', 'x-kubernetes-validations': [{ rule: 'true', severity: 'low' }] }, 'the rule keyword severity is not one we know'],
  [{ type: 'string', 'x-kubernetes-validations': [{}] }, 'a rule needs a rule'],
  [{ type: 'string', maxLength: '3' }, 'maxLength must be a number'],
])('a definition that we could not hold to is an error: %j', (schema, why) => {
  expect(() => loadSchema(schema)).toThrow(why)
})
