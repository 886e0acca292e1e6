import { expect, test } from 'vitest'
import { keepRunning } from '../../controller/child.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { jsonLog } from '../../controller/kernel/log.ts'
import { until } from '../support/until.ts'

const running = (command: string, args: readonly string[] = []) => {
  const lines: string[] = []
  const log = jsonLog(systemClock, 'debug', (line) => lines.push(line))
  return {
    lines,
    child: keepRunning({
      name: 'helper',
      command,
      args,
      env: { PATH: '/usr/bin:/bin' },
      clock: systemClock,
      log,
      onMisconfigured: () => {},
    }),
  }
}

test('a program that cannot be started is tried again, and keeps nobody from ending', async () => {
  const { lines, child } = running('/nonexistent/program')
  await until('a second try', () => lines.filter((line) => line.includes('is started again')).length >= 2)
  expect(lines[0]).toContain('ENOENT')
  expect(child.pid()).toBe(null)
  await child.end('finish')
})

test('one that ended by itself is started again, and one that is told to end is not', async () => {
  const { lines, child } = running('/bin/sh', ['-c', 'read -r word; echo heard $word'])
  const first = await until('the first', () => child.pid())
  child.tell('once')
  const second = await until('another process', () => {
    const pid = child.pid()
    return pid !== first && pid
  })
  await child.end('finish')
  expect(second).not.toBe(first)
  expect(child.pid()).toBe(null)
  await until('what it said', () => lines.some((line) => line.includes('heard finish')))
  expect(lines.filter((line) => line.includes('is started again')).length).toBe(1)
})
