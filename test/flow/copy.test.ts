import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sizeText } from '../../cli/cp.ts'
import { temporaryHome } from '../support/bothy.ts'
import { until } from '../support/until.ts'

/** `bothy cp` and `bothy logs` against a whole control plane, as somebody at a shell has them. */

test('sizes for people', () => {
  expect([0, 512, 2048, 150_000_000, 3 * 1024 ** 4].map(sizeText)).toEqual(['0 B', '512 B', '2.0 KiB', '143 MiB', '3.0 TiB'])
})

test('files and folders go in and out as they are, and what cannot be done is said', async () => {
  const home = temporaryHome()
  await home.up()
  await until('a usable workspace', async () => (await home.run(['exec', 'dev', '--', 'true'])).code === 0, {
    everyMs: 200,
  })
  const here = mkdtempSync(join(home.state, '..', 'here-'))
  const data = randomBytes(5_000_000)
  const one = join(here, 'one.bin')
  writeFileSync(one, data)
  chmodSync(one, 0o750)
  utimesSync(one, 1_700_000_000, 1_700_000_000)
  const ok = async (...args: string[]) => expect(await home.run(['cp', ...args])).toMatchObject({ code: 0, stderr: '' })

  await ok(one, 'dev:copied.bin')
  await ok('dev:copied.bin', join(here, 'back.bin'))
  const back = statSync(join(here, 'back.bin'))
  expect({ same: readFileSync(join(here, 'back.bin')).equals(data), mode: back.mode & 0o777, mtime: back.mtimeMs }).toEqual({
    same: true,
    mode: 0o750,
    mtime: 1_700_000_000_000,
  })

  const tree = join(here, 'tree')
  mkdirSync(join(tree, 'deep', 'er'), { recursive: true })
  writeFileSync(join(tree, 'deep', 'er', 'ü file'), 'text')
  symlinkSync('er', join(tree, 'deep', 'link'))
  await ok('-r', tree, 'dev:')
  await ok('-r', 'dev:tree', join(here, 'renamed'))
  expect(readFileSync(join(here, 'renamed/deep/er/ü file'), 'utf8')).toBe('text')
  expect(readlinkSync(join(here, 'renamed/deep/link'))).toBe('er')
  await ok('-r', tree, 'dev:other')
  await ok(one, join(tree, 'deep/er/ü file'), 'dev:other/deep/')
  expect((await home.run(['exec', 'dev', '--', 'sh', '-c', 'cd other/deep; ls; cat "ü file"'])).stdout).toBe(
    'er\nlink\none.bin\nü file\ntext',
  )

  expect((await home.run(['cp', '-', 'dev:typed'], 'from a pipe')).code).toBe(0)
  expect((await home.run(['cp', 'dev:typed', '-'])).stdout).toBe('from a pipe')
  await ok(one, `dev:${join(here, 'absolute')}`)
  expect(readFileSync(join(here, 'absolute')).equals(data)).toBe(true)

  const wrong = async (...args: string[]) => {
    const { code, stderr } = await home.run(['cp', ...args])
    return `${code} ${stderr.split('\n')[0]}`
  }
  expect(await wrong(tree, 'dev:')).toBe(`2 bothy: "${tree}" is a folder`)
  expect(await wrong('dev:nothing', here)).toBe('3 bothy: there is no dev:nothing')
  expect(await wrong(join(here, 'absent'), 'dev:')).toBe(`3 bothy: ${join(here, 'absent')}: there is no such file or folder here`)
  expect(await wrong(one, 'dev:no/such/folder')).toMatch(/^3 bothy: .*no\/such\/folder: there is no such file or folder/)
  expect(await wrong(one, one)).toBe('2 bothy: cp copies into a workspace, or out of one')
  expect(await wrong(one, tree, 'dev:typed')).toBe('2 bothy: "dev:typed" is no folder')
  expect(await wrong(one, 'nobody:x')).toBe('3 bothy: there is no workspace/nobody')
  expect(await wrong(one, 'dev.other:x')).toBe('3 bothy: The workspace has no agent other; it has main.')
  expect(readdirSync(here).filter((name) => name.endsWith('.part'))).toEqual([])
  expect(existsSync(join(here, 'nothing'))).toBe(false)

  const json = (await home.run(['logs', 'dev', '--source', 'startup_script', '-o', 'json'])).stdout.trim().split('\n').filter(Boolean)
  for (const line of json) expect(JSON.parse(line)).toMatchObject({ agent: 'main', source: 'startup_script' })
})
