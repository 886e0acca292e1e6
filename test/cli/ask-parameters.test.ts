import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { askParameters } from '../../cli/ask-parameters.ts'
import { until } from '../support/until.ts'
import { parameter } from '../decide/worlds.ts'

/** A person at the other end: says a line whenever something new is asked. */
function conversation(...lines: readonly string[]) {
  const input = new PassThrough()
  const output = new PassThrough()
  let said = ''
  output.setEncoding('utf8').on('data', (text: string) => (said += text))
  const questions = () => said.split(/^(?:size|cpu): /m).length - 1
  const talk = async () => {
    for (const [i, line] of lines.entries()) {
      await until('the next question', () => questions() > i)
      input.write(`${line}\n`)
    }
    input.end()
  }
  return { io: { input, output }, talk, said: () => said }
}

const options = [
  { name: 'Small', value: 'S', description: 'for a bot' },
  { name: 'Large', value: 'L', description: '' },
]
const size = parameter({ name: 'size', type: 'string', description: 'How big it is.', required: true, default: null, options })
const cpu = parameter({
  name: 'cpu',
  required: true,
  default: null,
  validation: { min: 1, max: 8, monotonic: null, regex: null, error: null },
})

test('each parameter is explained, asked, and asked again until it is one that the template takes', async () => {
  const { io, talk, said } = conversation('XL', '2', '', '9', ' 4 ')
  const [answers] = await Promise.all([askParameters([size, cpu], io), talk()])
  expect(answers).toEqual({ size: 'L', cpu: '4' })
  expect(said().replaceAll(/^(size|cpu): /gm, '$1: \n')).toBe(
    [
      'size, text: How big it is.',
      '  1) Small  S, for a bot',
      '  2) Large  L',
      'size: ',
      '  parameter "size" does not offer "XL"; it offers "S", "L"',
      'size: ',
      'cpu, a number',
      'cpu: ',
      '  parameter "cpu" needs a value',
      'cpu: ',
      '  parameter "cpu" must be at most 8, not 9',
      'cpu: ',
      '',
    ].join('\n'),
  )
})

test('whoever goes away without an answer is told that nothing was made', async () => {
  const { io, talk } = conversation()
  await Promise.all([expect(askParameters([size], io)).rejects.toThrow('not everything was answered, so nothing was created'), talk()])
})
