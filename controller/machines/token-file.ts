import { chmod, chown, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../kernel/folders.ts'
import { fileIn } from './engine-objects.ts'
import type { Docker } from './docker.ts'
import { writePrivate } from './record.ts'

/**
 * The token of an agent in a container: a file of the state folder that is mounted there. It belongs to the user that the agent
 * runs as; the folder around it is closed to everybody else of this machine.
 */

const READ_BY_ONE = 0o400
/** Where it cannot be given away: nobody of this machine but us reaches the folder. */
const READ_BY_ALL = 0o444

export async function writeToken(folder: string, token: string): Promise<string> {
  makeFolder(folder)
  const file = join(folder, 'token')
  await rm(file, { force: true })
  await writePrivate(file, `${token}\n`)
  await chmod(file, READ_BY_ALL)
  return file
}

/** Once there is a container that can be asked who `user` is. It is mounted by then: its owner changes, the file does not. */
export async function giveToken(docker: Docker, id: string, user: string, file: string): Promise<void> {
  const uid = await uidOf(docker, id, user)
  if (uid === null) return
  try {
    await chown(file, uid, -1)
    await chmod(file, READ_BY_ONE)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'EPERM' || error.code === 'EINVAL'))) throw error
  }
}

async function uidOf(docker: Docker, id: string, user: string): Promise<number | null> {
  const name = user.split(':')[0] ?? ''
  if (name === '' || name === 'root') return 0
  if (/^\d+$/.test(name)) return Number(name)
  const passwd = await fileIn(docker, id, '/etc/passwd')
  return passwd === null ? null : uidIn(passwd.toString('utf8'), name)
}

export function uidIn(passwd: string, name: string): number | null {
  const uid = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find(([each]) => each === name)?.[2]
  return uid !== undefined && /^\d+$/.test(uid) ? Number(uid) : null
}
