import type { Cluster } from '../cluster/port.ts'
import type { Reason } from '../kernel/reasons.ts'
import { keyOf, type Key } from '../kernel/names.ts'
import { atStart, shown, type Problem } from './problem.ts'
import { isObject, type Stored } from './stored.ts'

/** What no file declares any more, and stays all the same, with the reason. Removing is the one thing that cannot be mended. */
export interface Kept {
  readonly key: Key
  readonly problem: Problem
}

/** A file with one of these may have meant the object that is missing: a typo in a name must not cost anybody a workspace. */
const DOUBTFUL: ReadonlySet<Reason> = new Set(['InvalidYaml', 'InvalidObject', 'NotDeclarable'])
const NAMED_MAX = 5

export async function whatToKeep(cluster: Cluster, missing: readonly Stored[], problems: readonly Problem[]): Promise<readonly Kept[]> {
  const doubtful = new Map(problems.filter(({ reason }) => DOUBTFUL.has(reason)).map((problem) => [problem.path, problem]))
  const users = missing.some(({ object }) => object.kind === 'Template') ? await usersOfTemplates(cluster) : new Map<Key, string[]>()
  return missing.flatMap(({ key, declaredBy, object }): Kept[] => {
    const problem = doubtful.get(declaredBy.path)
    if (problem) return [{ key, problem }]
    // What is being deleted cannot be called back.
    const names = object.metadata.deletionTimestamp === undefined ? users.get(key) : undefined
    return names ? [{ key, problem: inUse(key, declaredBy.path, names) }] : []
  })
}

function inUse(key: Key, path: string, names: readonly string[]): Problem {
  const shownNames = names.slice(0, NAMED_MAX).join(', ') + (names.length > NAMED_MAX ? ', …' : '')
  const message = `no file declares ${shown(key)} any more, but workspaces use it (${shownNames}): it is kept until they are gone or it is declared again`
  return atStart('InUse', path, message)
}

/** By template, the names of the workspaces that use it. */
async function usersOfTemplates(cluster: Cluster): Promise<ReadonlyMap<Key, string[]>> {
  const users = new Map<Key, string[]>()
  const { items } = await cluster.list('Workspace')
  for (const { metadata, spec } of items) {
    const template = isObject(spec) && isObject(spec['template']) ? spec['template'] : {}
    const namespace = typeof template['namespace'] === 'string' ? template['namespace'] : (metadata.namespace ?? '')
    const key = keyOf('Template', namespace, String(template['name'] ?? ''))
    users.set(key, [...(users.get(key) ?? []), metadata.name])
  }
  return users
}
