import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeFolder } from '../../controller/kernel/folders.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('a folder is made with those above it, once', () => {
  const base = temporaryFolder()
  makeFolder(join(base, 'a', 'b', 'c'))
  makeFolder(join(base, 'a', 'b', 'c'))
  expect(statSync(join(base, 'a', 'b', 'c')).mode & 0o777).toBe(0o700)
})

test('a folder that cannot be is an error, at once', () => {
  const base = temporaryFolder()
  writeFileSync(join(base, 'file'), '')
  mkdirSync(join(base, 'folder'))
  expect(() => makeFolder(join(base, 'file'))).toThrow('EEXIST')
  expect(() => makeFolder(join(base, 'file', 'below'))).toThrow('ENOTDIR')
  expect(() => makeFolder('/proc/none/below')).toThrow('ENOENT')
})
