import type { Owner } from '../../../crds/types.ts'
import type { Resource } from '../../cluster/port.ts'
import { sha256 } from '../../kernel/names.ts'
import { isZone } from '../../kernel/zones.ts'
import type { BuildInput } from '../../store/records.ts'
import type { Objects } from '../ports.ts'
import type { OwnerSeen } from '../workspace/seen.ts'

export const isOwner = (object: Resource): object is Resource & Owner => object.kind === 'Owner'

/** The exact name an object stands for: not every name of a person is a name of an object. */
export const userOf = ({ metadata, spec }: Resource & Owner): string => spec.user ?? metadata.name

const UNKNOWN = { timezone: 'UTC', quietHours: '00:00' }

/** Whoever owns a workspace. Without an object of their own they are active. */
export function ownerSeen(objects: Objects, declared: string | undefined, localUser: BuildInput['owner'] | null): OwnerSeen {
  const name = declared ?? localUser?.name
  if (name === undefined) return { identity: null, suspended: false, ...UNKNOWN }
  // Two may stand for one person: it is the same one at every look, and in every replica.
  const [known] = objects.by('Owner', 'user', name).filter(isOwner).toSorted(byName)
  const identity = name === localUser?.name ? localUser : identityOf(name)
  if (!known) return { identity, suspended: false, ...UNKNOWN }
  const { suspended, timezone, quietHours } = known.spec
  // What is wrong with its zone is said by the owner; nobody's workspace may stand still for it.
  return { identity, suspended, timezone: isZone(timezone) ? timezone : UNKNOWN.timezone, quietHours }
}

const byName = (a: Resource, b: Resource): number => (a.metadata.name < b.metadata.name ? -1 : 1)

/** Everything about a person that we are not told is made of the name, so that it never changes. */
function identityOf(name: string): BuildInput['owner'] {
  const hex = sha256(`owner ${name}`)
  const id = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-')
  return { name, id, fullName: name, email: name.includes('@') ? name : `${name}@localhost` }
}
