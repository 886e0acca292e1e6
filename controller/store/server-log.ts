import { appendFileSync, renameSync, statSync } from 'node:fs'

const FILE_BYTES_MAX = 1024 * 1024
const TAIL_LENGTH = 2_000

/** The server's own log: one file and the one before it, and the last words for error messages. */
export interface BoundedLog {
  write(chunk: Buffer): void
  tail(): string
}

export function boundedLog(file: string): BoundedLog {
  let bytes = sizeOf(file)
  let tail = ''
  return {
    write(chunk) {
      tail = (tail + chunk.toString('utf8')).slice(-TAIL_LENGTH)
      if (bytes > 0 && bytes + chunk.length > FILE_BYTES_MAX) {
        renameSync(file, `${file}.1`)
        bytes = 0
      }
      appendFileSync(file, chunk, { mode: 0o600 })
      bytes += chunk.length
    },
    tail: () => tail.trim(),
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
