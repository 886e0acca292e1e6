import { describe, expect, test } from 'vitest'
import { field, loadSchema, objectsOf } from '../../crds/schema/load.ts'
import { ruleIssues } from '../../crds/schema/rules.ts'
import { realServer } from '../differential/random/real.ts'
import { noOwnCluster, ownCluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'

/**
 * Our functions of rules, against those of the real server: a definition whose every rule is one expression, asked one at a
 * time. Each must hold, fail or break down there and here alike, in the same words.
 */

/** A definition may not hold a literal that no function can read, so such a text is put together. */
const EXPRESSIONS: readonly string[] = [
  "'abc'.matches('^a.c$')",
  "'abc'.matches('(?i)^ABC$')",
  "'aé😀'.matches('^...$')",
  "'a\\nb'.matches('a.b')",
  "'x'.matches('[[:alpha:]]')",
  "'abc 123'.find('[0-9]+') == '123'",
  "'abc'.find('[0-9]+') == ''",
  "'a1b22'.findAll('[0-9]+') == ['1', '22']",
  "'a1b2'.findAll('[0-9]', 1) == ['1']",
  "'a1b2'.findAll('[0-9]', 0).size() == 0",
  "'a1b2'.findAll('[0-9]', -1).size() == 2",
  "'😀bc'.substring(1) == 'bc'",
  "'😀bc'.substring(0, 1) == '😀'",
  "'abc'.substring(4) == ''",
  "'abc'.substring(2, 1) == ''",
  "'abc'.substring(-1) == ''",
  "'abc'.substring(0, 9) == ''",
  "'😀b'.charAt(1) == 'b'",
  "'ab'.charAt(2) == ''",
  "'ab'.charAt(3) == ''",
  "'😀bb'.indexOf('b') == 1",
  "'abc'.indexOf('') == 0",
  "'abc'.indexOf('b', 2) == -1",
  "'abc'.indexOf('b', -1) == 0",
  "'abc'.indexOf('c', 9) == -1",
  "'abab'.lastIndexOf('b') == 3",
  "'abab'.lastIndexOf('') == 4",
  "'abab'.lastIndexOf('b', 2) == 1",
  "'😀b😀'.lastIndexOf('😀') == 2",
  "'ÉA'.lowerAscii() == 'Éa'",
  "'éa'.upperAscii() == 'éA'",
  "'  a b\\t'.trim() == 'a b'",
  "'aaa'.replace('a', 'b') == 'bbb'",
  "'aaa'.replace('a', 'b', 2) == 'bba'",
  "'ab'.replace('', '-') == '-a-b-'",
  "'ab'.replace('', '-', 1) == '-ab'",
  "'aaa'.replace('a', 'b', 0) == 'aaa'",
  "'a,b,c'.split(',') == ['a', 'b', 'c']",
  "'a,b,c'.split(',', 2) == ['a', 'b,c']",
  "'a,b'.split(',', 0).size() == 0",
  "'ab'.split('') == ['a', 'b']",
  "'abc'.startsWith('ab') && 'abc'.endsWith('bc') && 'abc'.contains('b')",
  "size('😀é') == 2",
  "'😀é'.size() == 2",
  "'a' + 'b' == 'ab'",
  "'b' in ['a', 'b']",
  "'a' < 'b'",
  '[1, 2, 3].isSorted()',
  '[2, 1].isSorted()',
  '[1, 2].sum() == 3',
  '[1.5, 2.5].sum() == 4.0',
  '[3, 1, 2].max() == 3',
  '[3, 1, 2].min() == 1',
  '[1, 2].filter(x, x > 5).max() == 1',
  '[1, 2, 1].indexOf(1) == 0',
  '[1, 2, 1].lastIndexOf(1) == 2',
  '[1, 2].indexOf(3) == -1',
  '[1, 2, 3].all(x, x > 0)',
  '[1, 2, 3].exists(x, x == 2)',
  '[1, 2, 2].exists_one(x, x == 2)',
  '[1, 2].map(x, x * 2) == [2, 4]',
  '[1, 2, 3].map(x, x > 1, x * 2) == [4, 6]',
  '[1, 2].filter(x, x > 1) == [2]',
  '[1, 2] + [3] == [1, 2, 3]',
  'sets.contains([1, 2, 3], [1, 2])',
  'sets.contains([1], [1, 2])',
  'sets.equivalent([1, 2, 1], [2, 1])',
  'sets.intersects([1], [2])',
  'sets.intersects([1, 2], [2])',
  "sets.contains(['a'], ['a', 'a'])",
  "duration('1h') == duration('60m')",
  "duration('-1.5h') < duration('0s')",
  "duration('1h').getMinutes() == 60",
  "duration('' + 'x') == duration('1s')",
  "duration('' + 'h') == duration('0s')",
  "duration('' + '') == duration('0s')",
  "duration('' + '1') == duration('1s')",
  "duration('0') == duration('0s')",
  "duration('.5h') == duration('30m')",
  "duration('1.h') == duration('1h')",
  "duration('' + '2562048h') > duration('1h')",
  "duration('1µs') == duration('1000ns')",
  "duration('1h1m1s').getSeconds() == 3661",
  "duration('90s') + duration('30s') == duration('2m')",
  "duration('' + ' 1s') == duration('1s')",
  "int('12') == 12",
  "int('+5') == 5",
  "int('' + '') == 0",
  "int('' + '0x10') == 16",
  "int('' + '9223372036854775808') == 1",
  'int(3.9) == 3',
  'int(-3.9) == -3',
  'int(1e15 * 1e15) == 1',
  '1 / 0 == 1',
  '1 % 0 == 1',
  '9223372036854775807 + 1 == 0',
  '7 / -2 == -3',
  '-7 % 3 == -1',
  '[1][1] == 1',
  "{'a': 1}['b'] == 1",
  "{'a': 1}['a'] == 1",
  'true || 1 / 0 == 1',
  '1 / 0 == 1 || true',
  'false && 1 / 0 == 1',
  '1 / 0 == 1 && false',
  'true ? true : 1 / 0 == 1',
  "quantity('1k') == quantity('1000')",
  "quantity('1.5Gi').isGreaterThan(quantity('1.5G'))",
  "quantity('500m').asApproximateFloat() == 0.5",
  "quantity('500m').isInteger()",
  "quantity('500m').asInteger() == 1",
  "quantity('2k').asInteger() == 2000",
  "isQuantity('1Kx')",
  "isQuantity('1e3')",
  "isQuantity('+1.5Ki')",
  "quantity('x').isInteger()",
  "sign(quantity('-1')) == -1",
  "sign(quantity('0')) == 0",
  "quantity('1').compareTo(quantity('2')) == -1",
  "quantity('1k').add(quantity('1')) == quantity('1001')",
  "quantity('1k').sub(1) == quantity('999')",
  "quantity('1').isLessThan(quantity('1001m'))",
  "quantity('1n').isGreaterThan(quantity('0'))",
  "isQuantity('')",
  "isQuantity('.5')",
  "isQuantity('1.')",
  "isQuantity('1E')",
  "isQuantity('1 k')",
]

const rules = EXPRESSIONS.map((expression, index) => ({
  rule: `self.n != ${index} || (${expression})`,
  message: `does not hold: ${index}`,
}))
const SPEC = {
  type: 'object',
  required: ['n'],
  properties: { n: { type: 'integer', minimum: 0, maximum: 1000 } },
  'x-kubernetes-validations': rules,
}
const GROUP = 'functions.bothy.test'
const DEFINITION = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `tries.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Cluster',
    names: { kind: 'Try', plural: 'tries', singular: 'try', listKind: 'TryList' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec: SPEC } } } }],
  },
}

const ours = loadSchema({ type: 'object', properties: { spec: SPEC } })

/** An error names the rule it happened in; which of the engines' words it uses for it is compared as well. */
const ourAnswer = (n: number): readonly string[] => ruleIssues(ours, { spec: { n } }, null).issues.map(({ body }) => body)

describe.skipIf(noOwnCluster !== null)('the functions of rules', async () => {
  const server = noOwnCluster === null ? await realServer((await ownCluster({ crds: false, manager: false })).kubeconfig) : null
  const path = `/apis/${GROUP}/v1/tries`
  const ask = (n: number) => {
    const text = JSON.stringify({ apiVersion: `${GROUP}/v1`, kind: 'Try', metadata: { name: 'one' }, spec: { n } })
    return server!.ask('POST', path, { dryRun: 'All' }, text)
  }

  test('the definition is taken', async () => {
    const { code, body } = await server!.ask(
      'POST',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      {},
      JSON.stringify(DEFINITION),
    )
    expect({ code, why: field(body, 'details', 'causes') }).toEqual({ code: 201, why: undefined })
    await until('it to be served', async () => (await ask(1000)).code === 201)
  })

  test.for(EXPRESSIONS.map((expression, index) => ({ expression, index })))('$expression', async ({ index }) => {
    const { body } = await ask(index)
    const theirs = objectsOf(field(body, 'details', 'causes')).map(({ message }) => String(message))
    expect(ourAnswer(index)).toEqual(theirs)
  })
})
