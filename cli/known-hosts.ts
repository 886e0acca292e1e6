import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Client } from './client.ts'
import { hostOf, type EnteredName } from './entered-name.ts'
import type { Environment } from './environment.ts'
import { EXIT, Failure } from './failure.ts'
import { field, isRecord, textOf } from './json.ts'
import { kindNamed, pathOf } from './objects.ts'

/**
 * The host keys of workspaces, in a file of our own: as the control plane says them, over a connection that was
 * authenticated. Nobody is ever asked whether a key looks right.
 */
export const knownHostsFile = ({ stateDir }: Environment): string => join(stateDir, 'ssh', 'known_hosts')

const KEY = /^ssh-ed25519 [A-Za-z0-9+/=]{40,200}$/
const LINES_MAX = 2000

/** Read by ssh when the server has said its name, which is after this is written: we stand in between. */
export async function writeKnownHost(environment: Environment, client: Client, name: EnteredName): Promise<void> {
  const answer = await client.request('GET', pathOf(kindNamed('Workspace'), name.namespace, name.workspace, 'ssh'))
  const key = keyOf(answer, name)
  const file = knownHostsFile(environment)
  const host = hostOf(name)
  const others = linesOf(file).filter((line) => !line.startsWith(`${host} `))
  const text = [...others.slice(-LINES_MAX), `${host} ${key}`, ''].join('\n')
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const unfinished = `${file}.${process.pid}`
  writeFileSync(unfinished, text, { mode: 0o600 })
  renameSync(unfinished, file)
}

function keyOf(answer: unknown, { agent, workspace }: EnteredName): string {
  const keys = field(answer, 'hostKeys')
  const names = isRecord(keys) ? Object.keys(keys) : []
  const chosen = agent ?? (names.length === 1 ? (names[0] ?? '') : null)
  if (chosen === null && names.length > 1)
    throw new Failure(EXIT.usage, {
      what: `workspace ${workspace} has several agents, ${names.join(', ')}`,
      fix: `name one, as in ${workspace}.${names[0]}`,
    })
  const key = chosen === null ? null : textOf(field(keys, chosen))
  if (key !== null && KEY.test(key)) return key
  throw new Failure(EXIT.notFound, {
    what:
      names.length === 0
        ? `workspace ${workspace} has no agent now`
        : `workspace ${workspace} has no agent ${agent}; it has ${names.join(', ')}`,
  })
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}
