import { readdir, readFile, readlink } from 'node:fs/promises'
import type { PortSeen } from './protocol.ts'

/** The TCP ports that something in the workspace listens on, from what Linux says of them in /proc. */

const LISTENING = '0A'
const PORTS_MAX = 1000
const PROCESSES_MAX = 20_000

export async function portsSeen(proc = '/proc'): Promise<PortSeen[]> {
  const inodes = new Map<string, number>()
  for (const file of ['tcp', 'tcp6']) {
    for (const [inode, port] of listening(await textOf(`${proc}/net/${file}`))) inodes.set(inode, port)
  }
  const names = await ownersOf(proc, inodes)
  const ports = [...new Set(inodes.values())].toSorted((a, b) => a - b).slice(0, PORTS_MAX)
  return ports.map((port) => ({ port, process: names.get(port) ?? '' }))
}

/** `sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode …`, numbers in hexadecimal. */
function listening(table: string): [string, number][] {
  return table.split('\n').flatMap((line): [string, number][] => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    const port = Number.parseInt(local?.split(':')[1] ?? '', 16)
    return state === LISTENING && inode !== undefined && port > 0 ? [[inode, port]] : []
  })
}

async function ownersOf(proc: string, inodes: ReadonlyMap<string, number>): Promise<ReadonlyMap<number, string>> {
  const names = new Map<number, string>()
  if (inodes.size === 0) return names
  const pids = (await readdir(proc).catch(() => [])).filter((name) => /^\d+$/.test(name)).slice(0, PROCESSES_MAX)
  for (const pid of pids) {
    const ports = await portsOf(`${proc}/${pid}/fd`, inodes)
    if (ports.length === 0) continue
    const name = (await textOf(`${proc}/${pid}/comm`)).trim()
    for (const port of ports) if (!names.has(port)) names.set(port, name)
  }
  return names
}

/** None of a process of another user: the system does not say. */
async function portsOf(folder: string, inodes: ReadonlyMap<string, number>): Promise<number[]> {
  const descriptors = await readdir(folder).catch(() => [])
  const targets = await Promise.all(descriptors.map((name) => readlink(`${folder}/${name}`).catch(() => '')))
  return targets.flatMap((target) => inodes.get(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '') ?? [])
}

const textOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '')
