import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { unpackLocal, writeLocal } from '../../cli/local-files.ts'
import { TAR_END, tarHeader, tarPadding, type TarEntry } from '../../controller/kernel/tar.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** What a hostile workspace sends for `bothy cp -r`: nothing of it gets out of the folder that was asked for. */

type Sent = Partial<TarEntry> & { readonly path: string; readonly data?: string }

async function* streamOf(sent: readonly Sent[]): AsyncGenerator<Buffer> {
  for (const { data = '', ...entry } of sent) {
    yield tarHeader({ type: 'file', mode: 0o644, mtimeMs: 0, target: '', ...entry, size: Buffer.byteLength(data) })
    yield Buffer.from(data)
    yield tarPadding(Buffer.byteLength(data))
  }
  yield TAR_END
}

function person(): { readonly secrets: string; readonly target: string } {
  const home = temporaryFolder()
  const secrets = join(home, '.ssh')
  mkdirSync(secrets)
  writeFileSync(join(secrets, 'config'), 'mine')
  return { secrets, target: join(home, 'project') }
}

const folder = (path: string): Sent => ({ path, type: 'folder', mode: 0o755 })

test('a link in the place of the folder itself is refused, and nothing goes through it', async () => {
  const { secrets, target } = person()
  const sent: Sent[] = [
    { path: 'x', type: 'link', target: secrets },
    { path: 'x/authorized_keys', data: 'theirs' },
  ]
  await expect(unpackLocal(target, streamOf(sent))).rejects.toThrow('sent a link in the place of the folder')
  expect(existsSync(join(secrets, 'authorized_keys'))).toBe(false)
  expect(lstatSync(target, { throwIfNoEntry: false })).toBeUndefined()
})

test('neither a link of the person in its place, nor one of the stream on the way, nor a name that leads up is followed', async () => {
  const own = person()
  symlinkSync(own.secrets, own.target)
  await expect(unpackLocal(own.target, streamOf([{ path: 'x/config', data: 'theirs' }]))).rejects.toThrow('which is no folder')
  const sent = person()
  const through: Sent[] = [folder('x'), { path: 'x/in', type: 'link', target: sent.secrets }, { path: 'x/in/config', data: 'theirs' }]
  await expect(unpackLocal(sent.target, streamOf(through))).rejects.toThrow('which is no folder')
  const up = person()
  await expect(unpackLocal(up.target, streamOf([folder('x'), { path: 'x/../.ssh/config', data: 'theirs' }]))).rejects.toThrow(
    'leads elsewhere',
  )
  for (const { secrets } of [own, sent, up]) expect(readFileSync(join(secrets, 'config'), 'utf8')).toBe('mine')
})

test('files come with their permissions, and none that runs as its owner', async () => {
  const { target } = person()
  await unpackLocal(target, streamOf([folder('x'), { path: 'x/tool', mode: 0o4755, data: '#!/bin/sh' }]))
  expect(statSync(join(target, 'tool')).mode & 0o7777).toBe(0o755)
  await writeLocal(join(target, 'one'), streamOf([]), 0o6711, 0)
  expect(statSync(join(target, 'one')).mode & 0o7777).toBe(0o711)
})
