import { readFile } from 'node:fs/promises'
import type { RegistryLogin } from './pull.ts'

/**
 * A login for a registry from the operator's Docker configuration, where the operator has named the registry: a template must not
 * use what somebody once typed for himself.
 */
export async function loginFrom(file: string, named: readonly string[], registry: string): Promise<RegistryLogin | null> {
  if (!named.includes(registry)) return null
  const entry = entryIn(await readFile(file, 'utf8').catch(() => ''), registry)
  if (!entry) return null
  if (entry.identitytoken) return { identitytoken: entry.identitytoken }
  const [username, ...password] = Buffer.from(entry.auth ?? '', 'base64')
    .toString('utf8')
    .split(':')
  return username ? { username, password: password.join(':') } : null
}

/** Docker Hub is known by the address that it had first. */
const NAMES: Readonly<Record<string, readonly string[]>> = { 'docker.io': ['docker.io', 'https://index.docker.io/v1/'] }

interface Entry {
  readonly auth?: string
  readonly identitytoken?: string
}

function entryIn(text: string, registry: string): Entry | null {
  try {
    const { auths = {} } = JSON.parse(text) as { auths?: Readonly<Record<string, Entry>> }
    const name = (NAMES[registry] ?? [registry, `https://${registry}`]).find((each) => auths[each])
    return name === undefined ? null : (auths[name] ?? null)
  } catch {
    return null
  }
}
