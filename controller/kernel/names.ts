import { createHash, randomBytes, randomUUID } from 'node:crypto'

export const newUid = (): string => randomUUID()

/** Eight hex digits of a uid: enough to tell a person's workspaces apart, short enough for names. */
export const shortUid = (uid: string): string => uid.replaceAll('-', '').slice(0, 8)

/** What the Kubernetes API server appends for `generateName`: letters and digits that spell no words. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

export function randomSuffix(length = 5): string {
  return Array.from(randomBytes(length), (byte) => SUFFIX_ALPHABET[byte % SUFFIX_ALPHABET.length]).join('')
}

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** The name everything of ours uses for an object: `Workspace/default/dev`, `Owner//ada`. */
export type Key = `${string}/${string}/${string}`

export const keyOf = (kind: string, namespace: string, name: string): Key => `${kind}/${namespace}/${name}`

export function splitKey(key: Key): { readonly kind: string; readonly namespace: string; readonly name: string } {
  const [kind = '', namespace = '', name = ''] = key.split('/')
  return { kind, namespace, name }
}

/** On each provisioner, and on the jobs of workspaces whose machines can be reached from that one place alone. */
export const PLACE_LABEL = 'bothy.dev/place'
