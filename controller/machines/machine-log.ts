import { copyFile, open, rename, stat, truncate } from 'node:fs/promises'

/** What a machine prints. Its writers hold the file open for appending, so it is cut in place and never swapped under them. */

const LOG_BYTES_MAX = 4 * 1024 * 1024
const TAIL_BYTES = 2048

/** The log of the run before is kept beside the new one. */
export const rotateLog = (log: string): Promise<void> => rename(log, `${log}.1`).catch(() => {})

export async function trimLog(log: string): Promise<void> {
  const size = await stat(log).then(
    (found) => found.size,
    () => 0,
  )
  if (size <= LOG_BYTES_MAX) return
  await copyFile(log, `${log}.1`)
  await truncate(log, 0)
}

export async function tailOf(log: string): Promise<string> {
  const file = await open(log, 'r')
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, Math.max(0, size - TAIL_BYTES))
    return buffer.subarray(0, bytesRead).toString('utf8').trim()
  } finally {
    await file.close()
  }
}
