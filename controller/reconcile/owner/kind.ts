import { never } from '../../kernel/errors.ts'
import { keyOf } from '../../kernel/names.ts'
import { defineKind } from '../kind.ts'
import { decide, type Seen } from './decide.ts'
import { isOwner, userOf } from './seen.ts'

export const owner = defineKind<Seen, never>({
  kind: 'Owner',
  top: 'Ready',
  gatherMs: 0,
  async observe(_, object) {
    if (!isOwner(object)) throw new Error(`${object.kind} ${object.metadata.name} is no owner`)
    return { user: userOf(object), suspended: object.spec.suspended, timezone: object.spec.timezone }
  },
  decide,
  act: async (action) => never(action),
  why(seen) {
    const [ready] = decide(seen).conditions
    return {
      summary: ready?.message ?? '',
      wants: 'as it is',
      reason: ready?.reason ?? 'Handled',
      holds: '',
      until: null,
      changes: 'A change of its spec.',
      rules: [{ rule: 'an owner is only looked at', opinion: ready?.message ?? '', decides: true }],
    }
  },
  related(object, objects) {
    if (!isOwner(object)) return []
    // Who names no owner belongs to the local user, which may be this one: they look, and find out.
    const owned = [userOf(object), ''].flatMap((user) => objects.by('Workspace', 'owner', user))
    return owned.map(({ metadata }) => keyOf('Workspace', metadata.namespace ?? '', metadata.name))
  },
  shown: ({ spec }) => spec,
})
