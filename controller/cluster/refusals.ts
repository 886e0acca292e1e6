import type { Kind } from '../../crds/kinds.ts'
import { Refused } from '../kernel/errors.ts'

/** Sentences of the Kubernetes API server, in one place. */

const qualified = ({ plural, group }: Kind): string => (group === '' ? plural : `${plural}.${group}`)
const details = ({ plural, group }: Kind, name: string) => ({ name, group, kind: plural })

export const notFound = (kind: Kind, name: string): Refused =>
  new Refused('NotFound', `${qualified(kind)} "${name}" not found`, details(kind, name))

export const alreadyExists = (kind: Kind, name: string): Refused =>
  new Refused('AlreadyExists', `${qualified(kind)} "${name}" already exists`, details(kind, name))

export const forbidden = (kind: Kind, name: string, why: string): Refused =>
  new Refused('Forbidden', `${qualified(kind)} "${name}" is forbidden: ${why}`, details(kind, name))

export const conflict = (kind: Kind, name: string, why: string): Refused =>
  new Refused('Conflict', `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`, details(kind, name))

export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again'

export const expired = (from: string, oldest: number): Refused => new Refused('Expired', `too old resource version: ${from} (${oldest})`)
