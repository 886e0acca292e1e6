import { createPrivateKey, createPublicKey } from 'node:crypto'

/** The key that the ssh server of an agent shows. */
export interface HostKey {
  /** OpenSSH's PEM: for the agent alone. */
  readonly privateKey: string
  /** `ssh-ed25519 AAAA…`, as known_hosts has it. */
  readonly publicKey: string
}

/** Bytes that only the holder of the state's key can make; the same for the same words, always. */
export type Derive = (purpose: string) => Buffer

const TYPE = 'ssh-ed25519'
const SEED_BYTES = 32
/** What stands before the seed in the PKCS #8 form of an ed25519 key. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const LINE_LENGTH = 70

/**
 * Of the state's key, the workspace and the agent's name: so a rebuild keeps it, nothing is stored, and whoever has a
 * workspace knows the key of no other.
 */
export function hostKeyOf(derive: Derive, workspaceUid: string, agentName: string): HostKey {
  const seed = derive(`ssh-host-key/${workspaceUid}/${agentName}`).subarray(0, SEED_BYTES)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  const point = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-SEED_BYTES)
  const publicBlob = Buffer.concat([text(TYPE), text(point)])
  return { privateKey: pem(seed, point, publicBlob), publicKey: `${TYPE} ${publicBlob.toString('base64')}` }
}

/** `openssh-key-v1`, without a passphrase (PROTOCOL.key of OpenSSH). */
function pem(seed: Buffer, point: Buffer, publicBlob: Buffer): string {
  // The same number twice, which tells a right passphrase from a wrong one; here it only has to be the same at each build.
  const check = point.subarray(0, 4)
  const inner = Buffer.concat([check, check, text(TYPE), text(point), text(Buffer.concat([seed, point])), text('')])
  const padded = Buffer.concat([inner, Buffer.from(Array.from({ length: (8 - (inner.length % 8)) % 8 }, (_, i) => i + 1))])
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    text('none'),
    text('none'),
    text(''),
    count(1),
    text(publicBlob),
    text(padded),
  ])
  const lines = whole.toString('base64').match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? []
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')
}

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([count(bytes.length), bytes])
}

function count(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
