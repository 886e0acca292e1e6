import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** A folder of plain files as a tar archive (ustar). The same files give the same bytes: no times, no owners. */

const BLOCK_BYTES = 512
const NAME_BYTES_MAX = 99

/** One size for all: the time at which a file was made is no part of what it is. */
const TIME_SECONDS = 1_000_000_000

export async function* tarOf(folder: string, wanted: (name: string) => boolean): AsyncGenerator<Uint8Array> {
  for (const name of (await readdir(folder)).filter(wanted).toSorted()) {
    const file = join(folder, name)
    const { size, mode } = await lstat(file)
    yield header(name, mode & 0o777, size)
    for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) yield Buffer.from(chunk)
    yield Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES)
  }
  yield Buffer.alloc(2 * BLOCK_BYTES)
}

function header(name: string, mode: number, size: number): Buffer {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw new Error(`${name} is too long a name for an archive`)
  const block = Buffer.alloc(BLOCK_BYTES)
  const octal = (value: number, at: number, width: number) => block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'ascii')
  block.write(name, 0, 'utf8')
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(TIME_SECONDS, 136, 12)
  block.write('        ', 148, 'ascii')
  block.write('0', 156, 'ascii')
  block.write('ustar\x0000', 257, 'binary')
  block.write('root', 265, 'ascii')
  block.write('root', 297, 'ascii')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii')
  return block
}
