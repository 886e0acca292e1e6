import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { newUid } from '../kernel/names.ts'
import { programsFolder } from './place.ts'
import { tarOf } from './tar.ts'

/** The program packed for those who fetch it. */
export interface Archive {
  readonly file: string
  readonly bytes: number
  /** sha256 of the archive, in hex. */
  readonly sha256: string
}

/** Two fifths of the time of the usual level, and a twentieth more bytes. */
const LEVEL = 4

/** `<state>/agent-program/<digest>.tar.gz`, packed once; what it is lies beside it. */
export async function writeArchive(stateDir: string, digest: string): Promise<Archive> {
  const file = join(programsFolder(stateDir), `${digest}.tar.gz`)
  const known = await readArchive(file)
  if (known) return known
  const packing = `${file}.${newUid()}`
  try {
    const hash = createHash('sha256')
    let bytes = 0
    const told = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk)
        bytes += chunk.length
        yield chunk
      }
    }
    const packed = Readable.from(tarOf(join(programsFolder(stateDir), digest), (name) => name !== 'compile-cache'))
    await pipeline(packed, createGzip({ level: LEVEL, chunkSize: 256 * 1024 }), told, createWriteStream(packing, { mode: 0o644 }))
    const sha256 = hash.digest('hex')
    await rename(packing, file)
    await writeFile(packing, JSON.stringify({ bytes, sha256 }))
    await rename(packing, aboutOf(file))
    return { file, bytes, sha256 }
  } finally {
    await rm(packing, { force: true })
  }
}

export const aboutOf = (archive: string): string => `${archive}.json`

/** null: not packed yet, or not to its end. */
async function readArchive(file: string): Promise<Archive | null> {
  try {
    const { bytes, sha256 }: { readonly bytes: unknown; readonly sha256: unknown } = JSON.parse(await readFile(aboutOf(file), 'utf8'))
    const whole = typeof bytes === 'number' && typeof sha256 === 'string' && (await stat(file)).size === bytes
    return whole ? { file, bytes, sha256 } : null
  } catch {
    return null
  }
}
