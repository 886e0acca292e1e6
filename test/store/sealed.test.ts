import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { Misconfigured } from '../../controller/kernel/errors.ts'
import { openKey } from '../../controller/store/sealed.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'

const { db } = await withDatabase()
const key = Buffer.alloc(32, 7).toString('base64')
const keyFile = () => join(temporaryFolder(), 'key')
beforeEach(async () => {
  await db.query('truncate settings')
})

test('what is sealed opens again, in another process too, and is not readable', async () => {
  const file = keyFile()
  const sealed = (await openKey({ file, env: undefined, db })).seal(Buffer.from('secret state'), 'state:uid-1')
  expect(sealed.includes('secret')).toBe(false)
  const opened = (await openKey({ file, env: undefined, db })).open(sealed, 'state:uid-1')
  expect(opened.toString()).toBe('secret state')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})

test('nothing is sealed twice the same way', async () => {
  const file = keyFile()
  const sealer = await openKey({ file, env: key, db })
  expect(sealer.seal(Buffer.from('x'), 'c').equals(sealer.seal(Buffer.from('x'), 'c'))).toBe(false)
})

test('a byte that changed, or another context, does not open', async () => {
  const file = keyFile()
  const sealer = await openKey({ file, env: key, db })
  const sealed = sealer.seal(Buffer.from('secret'), 'state:uid-1')
  expect(() => sealer.open(sealed, 'state:uid-2')).toThrow('damaged')
  for (const at of [14, 30, sealed.length - 1]) {
    const damaged = Buffer.from(sealed)
    damaged[at]! ^= 1
    expect(() => sealer.open(damaged, 'state:uid-1'), `byte ${at}`).toThrow('damaged')
  }
  expect(() => sealer.open(Buffer.from('{"version":4}'), 'state:uid-1')).toThrow('no envelope')
})

test('many that start at once end with one key', async () => {
  const file = keyFile()
  const sealers = await Promise.all(Array.from({ length: 8 }, () => openKey({ file, env: undefined, db })))
  const sealed = sealers[0]!.seal(Buffer.from('x'), 'c')
  expect(sealers.map((sealer) => sealer.open(sealed, 'c').toString())).toEqual(Array(8).fill('x'))
})

test('another key is refused, says where it is, and overwrites nothing', async () => {
  const file = keyFile()
  await openKey({ file, env: undefined, db })
  const other = `${Buffer.alloc(32, 9).toString('base64')}\n`
  await rm(file)
  await writeFile(file, other)
  const refused = openKey({ file, env: undefined, db })
  await expect(refused).rejects.toThrow(Misconfigured)
  await expect(openKey({ file, env: undefined, db })).rejects.toThrow(`The key in ${file} is not the one`)
  expect(await readFile(file, 'utf8')).toBe(other)
  await expect(openKey({ file, env: key, db })).rejects.toThrow('The key in BOTHY_KEY is not the one')
})

test('a lost key file is not silently replaced', async () => {
  const file = keyFile()
  const right = await openKey({ file, env: undefined, db }).then(() => readFile(file, 'utf8'))
  await rm(file)
  await expect(openKey({ file, env: undefined, db })).rejects.toThrow(`The key file ${file} is gone`)
  await expect(stat(file)).rejects.toThrow('ENOENT')
  await openKey({ file, env: right.trim(), db })
})

test('a key that is no key says how to make one', async () => {
  const file = keyFile()
  await expect(openKey({ file, env: 'short', db })).rejects.toThrow('BOTHY_KEY must hold 32 bytes in base64')
})
