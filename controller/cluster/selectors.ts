import { labelValueProblems, qualifiedProblems } from '../../crds/schema/metadata-rules.ts'
import { Refused } from '../kernel/errors.ts'

/** Label and field selectors, with the grammar and the errors of the Kubernetes API server. Pure. */

type Strings = Readonly<Record<string, string>>

export type Matches = (values: Strings) => boolean

const everything: Matches = () => true

const SELECTOR_LENGTH_MAX = 8192
const OPERATORS = 'in, notin, =, ==, !=, gt, lt'

interface Token {
  readonly type: 'word' | 'symbol' | 'end'
  readonly text: string
}

const END: Token = { type: 'end', text: '' }

const refused = (message: string): Refused => new Refused('BadRequest', message)
const unparsable = (message: string): Refused => refused(`unable to parse requirement: ${message}`)

function tokensOf(text: string): Token[] {
  if (text.length > SELECTOR_LENGTH_MAX) throw refused(`selector is longer than ${SELECTOR_LENGTH_MAX} characters`)
  return [...text.matchAll(/\s+|(?<symbol>==|!=|[=!(),<>])|(?<word>[^\s=!(),<>]+)/g)].flatMap(({ groups }): Token[] => {
    if (groups?.['symbol']) return [{ type: 'symbol', text: groups['symbol'] }]
    return groups?.['word'] ? [{ type: 'word', text: groups['word'] }] : []
  })
}

interface Reader {
  peek(): Token
  take(): Token
}

function readerOf(tokens: readonly Token[]): Reader {
  let at = 0
  return { peek: () => tokens[at] ?? END, take: () => tokens[at++] ?? END }
}

const isSymbol = (token: Token, ...texts: readonly string[]): boolean => token.type === 'symbol' && texts.includes(token.text)
const beginsRequirement = (token: Token): boolean => token.type === 'word' || isSymbol(token, '!')

export function labelSelector(text: string | undefined): Matches {
  if (!text?.trim()) return everything
  const tokens = readerOf(tokensOf(text))
  if (!beginsRequirement(tokens.peek())) throw refused(`found '${tokens.peek().text}', expected: !, identifier, or 'end of string'`)
  const requirements: Matches[] = []
  for (;;) {
    requirements.push(requirement(tokens))
    const next = tokens.take()
    if (next.type === 'end') return (labels) => requirements.every((matches) => matches(labels))
    if (!isSymbol(next, ',')) throw refused(`found '${next.text}', expected: ',' or 'end of string'`)
    if (!beginsRequirement(tokens.peek())) throw refused(`found '${tokens.peek().text}', expected: identifier after ','`)
  }
}

function requirement(tokens: Reader): Matches {
  const absent = isSymbol(tokens.peek(), '!')
  if (absent) tokens.take()
  const { type, text: key } = tokens.take()
  if (type !== 'word') throw unparsable(`found '${key}', expected: identifier`)
  const [wrong] = qualifiedProblems(key)
  if (wrong) throw unparsable(`<nil>: Invalid value: ${JSON.stringify(key)}: ${wrong}`)
  const after = tokens.peek()
  if (absent || after.type === 'end' || isSymbol(after, ',')) return (labels) => Object.hasOwn(labels, key) !== absent
  return comparison(key, tokens)
}

function comparison(key: string, tokens: Reader): Matches {
  const operator = tokens.take().text
  switch (operator) {
    case '=':
    case '==':
      return equalTo(key, labelValue(key, tokens))
    case '!=': {
      const equal = equalTo(key, labelValue(key, tokens))
      return (labels) => !equal(labels)
    }
    case '<':
    case '>':
      return comparedWith(key, operator, labelValue(key, tokens))
    case 'in':
    case 'notin': {
      const values = valueList(key, tokens)
      return (labels) => (Object.hasOwn(labels, key) && values.has(labels[key] ?? '')) === (operator === 'in')
    }
    default:
      throw unparsable(`found '${operator}', expected: ${OPERATORS}`)
  }
}

const equalTo =
  (key: string, value: string): Matches =>
  (labels) =>
    Object.hasOwn(labels, key) && labels[key] === value

function comparedWith(key: string, operator: '<' | '>', text: string): Matches {
  if (!/^-?\d{1,15}$/.test(text))
    throw unparsable(`values[0]: Invalid value: ${JSON.stringify(text)}: for 'Gt', 'Lt' operators, the value must be an integer`)
  const limit = Number(text)
  return (labels) => {
    const value = labels[key] ?? ''
    if (!Object.hasOwn(labels, key) || !/^-?\d{1,15}$/.test(value)) return false
    return operator === '<' ? Number(value) < limit : Number(value) > limit
  }
}

/** Nothing after the operator is the empty value, as in `a=,b=`. */
function labelValue(key: string, tokens: Reader): string {
  const next = tokens.peek()
  if (next.type === 'end' || isSymbol(next, ',')) return ''
  if (next.type !== 'word') throw unparsable(`found '${next.text}', expected: identifier`)
  return checkedValue(key, tokens.take().text)
}

function valueList(key: string, tokens: Reader): ReadonlySet<string> {
  const open = tokens.take()
  if (!isSymbol(open, '(')) throw unparsable(`found '${open.text}' expected: '('`)
  const values = new Set<string>()
  for (;;) {
    const next = tokens.take()
    if (next.type === 'word') values.add(checkedValue(key, next.text))
    else if (isSymbol(next, ',', ')')) values.add('')
    else throw unparsable(`found '${next.text}', expected: ',', ')' or identifier`)
    if (isSymbol(next, ')')) return values
    if (isSymbol(next, ',')) continue
    const after = tokens.take()
    if (isSymbol(after, ')')) return values
    if (!isSymbol(after, ',')) throw unparsable(`found '${after.text}', expected: ',' or ')'`)
  }
}

function checkedValue(key: string, value: string): string {
  const [wrong] = labelValueProblems(value)
  if (!wrong) return value
  throw unparsable(`values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${wrong}`)
}

/** `fields` are the labels a kind answers to; anything else is refused, as the API server does. */
export function fieldSelector(text: string | undefined, fields: readonly string[]): Matches {
  if (!text?.trim()) return everything
  if (text.length > SELECTOR_LENGTH_MAX) throw refused(`selector is longer than ${SELECTOR_LENGTH_MAX} characters`)
  const terms = splitUnescaped(text)
    .filter((term) => term !== '')
    .map((term) => fieldTerm(text, term, fields))
  return (values) => terms.every((matches) => matches(values))
}

function fieldTerm(selector: string, term: string, fields: readonly string[]): Matches {
  const parts = /^(?<field>[^=!\\]*)(?<operator>==|!=|=)(?<value>.*)$/s.exec(term)?.groups
  if (!parts) throw refused(`invalid selector: '${selector}'; can't understand '${term}'`)
  const { field = '', operator, value = '' } = parts
  if (field === '' && value === '') return everything
  const wanted = unescaped(value)
  if (!fields.includes(field)) throw refused(`field label not supported: ${field}`)
  return (values) => ((values[field] ?? '') === wanted) === (operator !== '!=')
}

function unescaped(value: string): string {
  const wrong = /^(?:[^\\,=]|\\[\\,=])*(?<rest>[^]{0,2})/s.exec(value)?.groups?.['rest'] ?? ''
  if (wrong.startsWith('\\')) throw refused(`invalid field selector: invalid escape sequence: ${wrong}`)
  if (wrong !== '') throw refused(`invalid field selector: unescaped character in value: ${wrong.codePointAt(0)}`)
  return value.replace(/\\(.)/gs, '$1')
}

function splitUnescaped(text: string): string[] {
  const terms = ['']
  for (const piece of text.match(/\\.|[^\\]|\\$/gs) ?? []) {
    if (piece === ',') terms.push('')
    else terms[terms.length - 1] += piece
  }
  return terms
}
