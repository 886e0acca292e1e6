import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../kernel/clock.ts'

/** How much of this machine one build may use. */
export interface BuildLimits {
  /** Together where control groups can be made, else each process. */
  readonly memoryBytes: number
  /** Threads count as processes, as the kernel counts them. */
  readonly processes: number
  readonly fileBytes: number
  /** Everything in the build's folder. */
  readonly folderBytes: number
  readonly folderFiles: number
  /** While providers and modules are fetched, what is only passing through included. */
  readonly fetchedBytes: number
  readonly fetchedFiles: number
  /** Everything it prints. */
  readonly outputBytes: number
}

const MEBIBYTE = 1024 ** 2

export const BUILD_LIMITS: BuildLimits = {
  memoryBytes: 4096 * MEBIBYTE,
  processes: 512,
  fileBytes: 1024 * MEBIBYTE,
  folderBytes: 2048 * MEBIBYTE,
  folderFiles: 100_000,
  fetchedBytes: 8192 * MEBIBYTE,
  fetchedFiles: 200_000,
  outputBytes: 256 * MEBIBYTE,
}

export const inMebibytes = (bytes: number): string => `${Math.floor(bytes / MEBIBYTE)} MiB`

const LOOK_MS = 500

export type FolderLimits = Pick<BuildLimits, 'folderBytes' | 'folderFiles'>

/** Looks now and then until it is over, and calls `exceeded` once, with the first sentence that a look answers. */
export async function watchLimits(
  clock: Clock,
  looks: readonly (() => Promise<string | null>)[],
  over: AbortSignal,
  exceeded: (what: string) => void,
): Promise<void> {
  for (;;) {
    await clock.sleep(LOOK_MS, over)
    for (const look of looks) {
      if (over.aborted) return
      const what = await look()
      if (what !== null) return exceeded(what)
    }
  }
}

/** Stops counting as soon as it knows, so that no number of files makes it slow. */
export async function tooMuchIn(folder: string, { folderBytes, folderFiles }: FolderLimits): Promise<string | null> {
  let bytes = 0
  let files = 0
  const waiting = [folder]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const entries = await opendir(next).catch(() => null)
    if (!entries) continue
    for await (const entry of entries) {
      const path = join(next, entry.name)
      if (entry.isDirectory()) waiting.push(path)
      else bytes += (await lstat(path).catch(() => null))?.size ?? 0
      files += 1
      if (bytes > folderBytes) return `the build wrote more than ${inMebibytes(folderBytes)} into its folder`
      if (files > folderFiles) return `the build made more than ${folderFiles} files in its folder`
    }
  }
  return null
}
