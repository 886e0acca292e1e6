import { open, type FileHandle } from 'node:fs/promises'
import { Transient } from '../kernel/errors.ts'

/** How often a file may be written while it is read before we give up on it; whoever writes it wakes the watcher again. */
const READINGS_MAX = 10

/**
 * A file as it was at one moment. `readFile` asks for the size and reads so many bytes: of a file that is written in between it
 * gives the beginning of the new text, which may well be a document of its own.
 */
export async function readSettled(path: string): Promise<Buffer> {
  const file = await open(path)
  try {
    for (let reading = 0; reading < READINGS_MAX; reading += 1) {
      const before = await lookOf(file)
      const bytes = await readFrom(file, before.size)
      if (bytes && (await lookOf(file)).at === before.at) return bytes
    }
  } finally {
    await file.close()
  }
  throw new Transient(`${path} is written all the time: it is read once it is left alone`)
}

interface Look {
  readonly size: number
  /** The same as long as nothing was written. */
  readonly at: string
}

async function lookOf(file: FileHandle): Promise<Look> {
  const { size, mtimeNs, ctimeNs } = await file.stat({ bigint: true })
  return { size: Number(size), at: `${size} ${mtimeNs} ${ctimeNs}` }
}

/** null where there are not so many bytes, or more. */
async function readFrom(file: FileHandle, size: number): Promise<Buffer | null> {
  const bytes = Buffer.alloc(size + 1)
  let read = 0
  for (let more = -1; more !== 0 && read <= size; read += more) {
    more = (await file.read(bytes, read, bytes.length - read, read)).bytesRead
  }
  return read === size ? bytes.subarray(0, size) : null
}
