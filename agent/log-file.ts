import { createWriteStream, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** A file in the workspace that gets what a script prints. It never grows beyond twice its limit: one is kept from before. */
export interface LogFile {
  write(data: Buffer): void
  end(): Promise<void>
}

const BYTES_MAX = 10 * 1024 * 1024
const FOLDER = '.bothy/log'

/** `path`: absolute, of the home folder with ~ or $HOME, or else below the log folder. */
export function openLogFile(path: string, home: string): LogFile {
  const file = resolve(home, FOLDER, path.replace(/^~(?=\/|$)/, home).replace(/^\$HOME(?=\/|$)/, home))
  mkdirSync(dirname(file), { recursive: true })
  let left = BYTES_MAX - sizeOf(file)
  if (left <= 0) {
    renameSync(file, `${file}.1`)
    left = BYTES_MAX
  }
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 })
  // A disk that is full must not end what is only written down there.
  stream.on('error', () => (left = 0))
  return {
    write(data) {
      if (left <= 0) return
      left -= data.length
      stream.write(data)
      if (left <= 0) stream.write('\n… more than 10 MiB: the rest of this run is left out\n')
    },
    end: () => new Promise((done) => (stream.destroyed ? done() : stream.end(() => done()))),
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}
