import { afterEach, expect, test, vi } from 'vitest'
import { readEnvironment } from '../../cli/environment.ts'
import { processTerminal } from '../../cli/terminal.ts'

afterEach(() => vi.unstubAllGlobals())

const terminalOn = (stdout: object, stderr: object) => {
  vi.stubGlobal('process', { stdin: {}, stdout, stderr })
  const { columns, drawColumns } = processTerminal(readEnvironment({}), false)
  return { columns, drawColumns }
}

test('an answer is as wide as its terminal, and as it likes where there is none', () => {
  expect(terminalOn({ isTTY: true, columns: 120 }, { isTTY: true, columns: 120 })).toEqual({ columns: 120, drawColumns: 120 })
  expect(terminalOn({ isTTY: true, columns: 60 }, {})).toEqual({ columns: 60, drawColumns: 80 })
  expect(terminalOn({}, { isTTY: true, columns: 100 })).toEqual({ columns: Number.POSITIVE_INFINITY, drawColumns: 100 })
  expect(terminalOn({ isTTY: true, columns: 0 }, {})).toEqual({ columns: 80, drawColumns: 80 })
})
