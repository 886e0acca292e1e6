import { describe, expect, test } from 'vitest'
import { fieldSelector, labelSelector } from '../../controller/cluster/selectors.ts'
import { messageOf } from '../../controller/kernel/errors.ts'

const refusalOf = (work: () => unknown): string => {
  try {
    work()
    return 'accepted'
  } catch (error) {
    return messageOf(error)
  }
}

describe('label selectors', () => {
  const table: readonly (readonly [string, Readonly<Record<string, string>>, boolean])[] = [
    ['', {}, true],
    ['a', { a: '' }, true],
    ['a', {}, false],
    ['!a', {}, true],
    ['!a', { a: '1' }, false],
    ['a=1', { a: '1' }, true],
    ['a==1', { a: '2' }, false],
    ['a=', { a: '' }, true],
    ['a!=1', {}, true],
    ['a!=1', { a: '1' }, false],
    ['a in (1,2)', { a: '2' }, true],
    ['a in (1)', {}, false],
    ['a in ()', { a: '' }, true],
    ['a notin (1)', {}, true],
    ['a notin (1)', { a: '1' }, false],
    ['a>5', { a: '6' }, true],
    ['a>5', { a: 'six' }, false],
    ['a<5', { a: '4' }, true],
    [' example.com/a = b , c ', { 'example.com/a': 'b', c: '' }, true],
    ['in in (in)', { in: 'in' }, true],
    ['constructor', {}, false],
  ]
  test.each(table)('%j on %j is %j', (selector, labels, matches) => {
    expect(labelSelector(selector)(labels)).toBe(matches)
  })

  test.each([
    [',', "found ',', expected: !, identifier, or 'end of string'"],
    ['a,', "found '', expected: identifier after ','"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['a>x', "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"],
  ])('%j is refused', (selector, message) => {
    expect(refusalOf(() => labelSelector(selector))).toBe(message)
  })

  test('keys and values keep to their form, and nothing is endless', () => {
    expect(refusalOf(() => labelSelector('-a=b'))).toMatch(/^unable to parse requirement: <nil>: Invalid value: "-a"/)
    expect(refusalOf(() => labelSelector(`a=${'x'.repeat(64)}`))).toMatch(/must be no more than 63 bytes/)
    expect(refusalOf(() => labelSelector('a,'.repeat(5000)))).toBe('selector is longer than 8192 characters')
  })
})

describe('field selectors', () => {
  const fields = ['metadata.name', 'spec.owner']
  const table: readonly (readonly [string, Readonly<Record<string, string>>, boolean])[] = [
    ['', {}, true],
    ['metadata.name=a', { 'metadata.name': 'a' }, true],
    ['metadata.name==a', { 'metadata.name': 'b' }, false],
    ['metadata.name!=a', { 'metadata.name': 'b' }, true],
    ['metadata.name=a,spec.owner=b', { 'metadata.name': 'a', 'spec.owner': 'b' }, true],
    ['spec.owner=', {}, true],
    ['spec.owner=a\\,b\\=c\\\\', { 'spec.owner': 'a,b=c\\' }, true],
  ]
  test.each(table)('%j on %j is %j', (selector, values, matches) => {
    expect(fieldSelector(selector, fields)(values)).toBe(matches)
  })

  test.each([
    ['spec.power=x', 'field label not supported: spec.power'],
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['metadata.name=a=b', 'invalid field selector: unescaped character in value: 61'],
  ])('%j is refused', (selector, message) => {
    expect(refusalOf(() => fieldSelector(selector, fields))).toBe(message)
  })
})
