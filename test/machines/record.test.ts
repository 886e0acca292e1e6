import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeFolder } from '../../controller/machines/record.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('a folder is made with those above it, once', async () => {
  const base = temporaryFolder()
  await makeFolder(join(base, 'a', 'b', 'c'))
  await makeFolder(join(base, 'a', 'b', 'c'))
  expect(statSync(join(base, 'a', 'b', 'c')).mode & 0o777).toBe(0o700)
})

test('a folder that cannot be is an error, at once', async () => {
  const base = temporaryFolder()
  writeFileSync(join(base, 'file'), '')
  mkdirSync(join(base, 'folder'))
  await expect(makeFolder(join(base, 'file'))).rejects.toThrow('EEXIST')
  await expect(makeFolder(join(base, 'file', 'below'))).rejects.toThrow('ENOTDIR')
  await expect(makeFolder('/proc/none/below')).rejects.toThrow('ENOENT')
})
