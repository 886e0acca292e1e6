import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EXIT, Failure, failureLines } from '../../cli/failure.ts'
import { lineText } from '../../cli/logs.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('of what a workspace says, a terminal is given its colours, which end with the line, and nothing else', () => {
  expect(lineText('plain é 漢')).toBe('plain é 漢')
  expect(lineText('\u001b[31mred')).toBe('\u001b[31mred\u001b[0m')
  // oxlint-disable-next-line no-control-regex -- none of them is to be left
  expect(lineText('a\u001b]0;title\u0007b\u001b[2Jc\u009b2Jd\u009d0;x\u009ce\rf\u001bPg')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
})

test('what an agent refuses with moves no cursor', () => {
  const failure = new Failure(EXIT.refused, { what: 'no\u001b[2J\u009b2J', where: 'there\u001b]0;x\u0007' }).with({ fix: 'try\u001b[1A' })
  expect(failureLines(failure)).toEqual(['bothy: no2J', '  where:  there]0;x', '  to do:  try'])
})

test('what stands behind the name of a workspace is the command, never an option of ssh here', () => {
  const folder = temporaryFolder()
  const ssh = join(folder, 'ssh')
  writeFileSync(ssh, '#!/bin/sh\nfor word; do echo "$word"; done\n')
  chmodSync(ssh, 0o755)
  const main = join(import.meta.dirname, '../../cli/main.ts')
  const state = join(folder, '100%')
  const { stdout, stderr } = spawnSync(process.execPath, [main, 'ssh', 'dev', '--', '-oProxyCommand=touch x', 'two'], {
    env: { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}`, BOTHY_STATE: state },
    encoding: 'utf8',
    timeout: 20_000,
  })
  const words = stdout.trim().split('\n')
  expect(words.slice(-4), stderr).toEqual(['--', 'dev.bothy', '-oProxyCommand=touch x', 'two'])
  // ssh itself puts words in the place of what follows a percent sign.
  expect(words).toContain(`UserKnownHostsFile="${state.replace('%', '%%')}/ssh/known_hosts"`)
})
