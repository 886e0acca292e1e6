import type { Owner } from '../../../crds/types.ts'
import type { Resource } from '../../cluster/port.ts'
import { sha256 } from '../../kernel/names.ts'
import type { BuildInput } from '../../store/records.ts'
import type { Objects } from '../ports.ts'
import type { OwnerSeen } from '../workspace/seen.ts'

export const isOwner = (object: Resource): object is Resource & Owner => object.kind === 'Owner'

/** The exact name an object stands for: not every name of a person is a name of an object. */
export const userOf = ({ metadata, spec }: Resource & Owner): string => spec.user ?? metadata.name

/** Whoever owns a workspace. Without an object of their own they are active. */
export function ownerSeen(objects: Objects, declared: string | undefined, localUser: BuildInput['owner'] | null): OwnerSeen {
  const name = declared ?? localUser?.name
  if (name === undefined) return { identity: null, suspended: false }
  const known = objects.list('Owner').find((object) => isOwner(object) && userOf(object) === name)
  const suspended = known !== undefined && isOwner(known) && known.spec.suspended
  return { identity: name === localUser?.name ? localUser : identityOf(name), suspended }
}

/** Everything about a person that we are not told is made of the name, so that it never changes. */
function identityOf(name: string): BuildInput['owner'] {
  const hex = sha256(`owner ${name}`)
  const id = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-')
  return { name, id, fullName: name, email: name.includes('@') ? name : `${name}@localhost` }
}
