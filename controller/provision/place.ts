import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../kernel/folders.ts'
import { newUid } from '../kernel/names.ts'
import type { JobResult } from '../store/records.ts'

/**
 * Processes, containers and what they keep are where their provisioner's state folder is, and nowhere else: on another machine
 * a build would find none, make a second one, and leave the first behind. So each state folder has a name of its own.
 */
export function placeIn(stateDir: string): string {
  const file = join(stateDir, 'place')
  const known = readAt(file)
  if (known !== null) return known
  makeFolder(stateDir)
  const own = `${file}.${newUid()}`
  writeFileSync(own, `${newUid()}\n`, { mode: 0o600 })
  try {
    // Of several provisioners that begin together in one folder the first names it.
    linkSync(own, file)
  } catch (error) {
    if (readAt(file) === null) throw error
  } finally {
    rmSync(own, { force: true })
  }
  return readAt(file) ?? placeIn(stateDir)
}

function readAt(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim() || null
  } catch {
    return null
  }
}

type Machine = Pick<NonNullable<JobResult['machines']>[number], 'type'>

/** Pods are seen from anywhere. */
const isLocal = ({ type }: Machine): boolean => type === 'bothy_process' || type === 'bothy_container'

/** What the result of a build says of where its machines are, or were. */
export const placed = (place: string, machines: readonly Machine[]): Pick<JobResult, 'place'> => (machines.some(isLocal) ? { place } : {})
