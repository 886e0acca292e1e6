import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { toIso, type Instant } from './clock.ts'

/** Certificates of our own: Node can read X.509, and has nothing that writes it. */

export interface Certificate {
  /** Both in PEM. */
  readonly key: string
  readonly certificate: string
  /** The certificate as bytes. */
  readonly der: Buffer
}

/** What it stands for: an authority for others, a server, or either end of a connection and its own authority. */
export type CertificateUse = 'authority' | 'server' | 'both-ends'

export interface CertificateWish {
  /** Whom it is of, as people read it. */
  readonly name: string
  /** Names and addresses that it stands for. */
  readonly hosts: readonly string[]
  readonly use: CertificateUse
  readonly from: Instant
  readonly until: Instant
  /** Who signs it; null: it does itself. */
  readonly issuer: Issuer | null
}

export interface Issuer {
  /** The one it was made with. */
  readonly name: string
  readonly key: KeyObject
}

const TAG = { boolean: 1, integer: 2, bits: 3, octets: 4, oid: 6, utf8: 12, sequence: 0x30, set: 0x31, time: 23, farTime: 24 } as const

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const long = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, '0'), 'hex')
  const length = body.length < 0x80 ? Buffer.of(body.length) : Buffer.concat([Buffer.of(0x80 | long.length), long])
  return Buffer.concat([Buffer.of(tag), length, body])
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(TAG.sequence, ...parts)
const oid = (hex: string): Buffer => der(TAG.oid, Buffer.from(hex, 'hex'))
const critical = der(TAG.boolean, Buffer.of(0xff))
const extension = (id: string, value: Buffer, ...flags: readonly Buffer[]): Buffer => sequence(oid(id), ...flags, der(TAG.octets, value))
const named = (name: string): Buffer => sequence(der(TAG.set, sequence(oid(COMMON_NAME), der(TAG.utf8, Buffer.from(name)))))

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'))
const COMMON_NAME = '550403'
const [SERVER, CLIENT] = [oid('2b06010505070301'), oid('2b06010505070302')]

const USES: Readonly<Record<CertificateUse, { readonly isAuthority: boolean; readonly bits: Buffer; readonly ends: readonly Buffer[] }>> = {
  // Signs certificates and lists of those that count no more.
  authority: { isAuthority: true, bits: Buffer.of(1, 0b0000_0110), ends: [] },
  server: { isAuthority: false, bits: Buffer.of(7, 0b1000_0000), ends: [SERVER] },
  // It is its own authority; it signs, agrees on keys, and stands for either end.
  'both-ends': { isAuthority: true, bits: Buffer.of(2, 0b1000_1100), ends: [SERVER, CLIENT] },
}

/** Until 2050 the century goes without saying, and must. */
function time(at: Instant): Buffer {
  const digits = toIso(at).replaceAll(/[-:TZ]/g, '')
  return digits < '2050' ? der(TAG.time, Buffer.from(`${digits.slice(2)}Z`)) : der(TAG.farTime, Buffer.from(`${digits}Z`))
}

/** Readers that are strict want to find, by its digest, whose key signed. */
const keyId = (key: KeyObject): Buffer =>
  createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()

const hostOf = (host: string): Buffer => (isIP(host) === 0 ? der(0x82, Buffer.from(host)) : der(0x87, addressBytes(host)))

const groups = (text: string): string[] => text.split(':').filter((group) => group !== '')

function addressBytes(host: string): Buffer {
  if (isIP(host) === 4) return Buffer.from(host.split('.').map(Number))
  // Written in one way: hexadecimal groups, of which `::` leaves some out.
  const [before = '', after] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::')
  const tail = groups(after ?? '')
  const head = groups(before)
  const left = Array<string>(8 - head.length - tail.length).fill('0')
  return Buffer.from([...head, ...left, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex')
}

export function makeCertificate({ name, hosts, use, from, until, issuer }: CertificateWish): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const { isAuthority, bits, ends } = USES[use]
  const signer = issuer?.key ?? privateKey
  const extensions = [
    extension('551d13', isAuthority ? sequence(critical) : sequence(), critical),
    extension('551d0f', der(TAG.bits, bits), critical),
    ...(ends.length > 0 ? [extension('551d25', sequence(...ends))] : []),
    ...(hosts.length > 0 ? [extension('551d11', sequence(...hosts.map(hostOf)))] : []),
    extension('551d0e', der(TAG.octets, keyId(publicKey))),
    extension('551d23', sequence(der(0x80, keyId(createPublicKey(signer))))),
  ]
  const body = sequence(
    der(0xa0, der(TAG.integer, Buffer.of(2))),
    // Positive and not zero, as serial numbers are.
    der(TAG.integer, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    named(issuer?.name ?? name),
    sequence(time(from), time(until)),
    named(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  const whole = sequence(body, ECDSA_WITH_SHA256, der(TAG.bits, Buffer.of(0), sign('sha256', body, signer)))
  const lines = whole
    .toString('base64')
    .replaceAll(/(.{64})/g, '$1\n')
    .trimEnd()
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    der: whole,
  }
}
