import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { toIso, type Instant } from '../../controller/kernel/clock.ts'

/** A certificate that says of itself that it is localhost: Node can read X.509, and has nothing that writes it. */

export interface OwnCertificate {
  /** Both in PEM. */
  readonly key: string
  readonly certificate: string
  /** The same, as bytes. */
  readonly der: Buffer
}

const TAG = { boolean: 1, integer: 2, bits: 3, octets: 4, oid: 6, utf8: 12, sequence: 0x30, set: 0x31, time: 24 } as const

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const long = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, '0'), 'hex')
  const length = body.length < 0x80 ? Buffer.of(body.length) : Buffer.concat([Buffer.of(0x80 | long.length), long])
  return Buffer.concat([Buffer.of(tag), length, body])
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(TAG.sequence, ...parts)
const oid = (hex: string): Buffer => der(TAG.oid, Buffer.from(hex, 'hex'))
const time = (at: Instant): Buffer => der(TAG.time, Buffer.from(`${toIso(at).replaceAll(/[-:TZ]/g, '')}Z`))
const critical = der(TAG.boolean, Buffer.of(0xff))
const extension = (id: string, value: Buffer, ...flags: readonly Buffer[]): Buffer => sequence(oid(id), ...flags, der(TAG.octets, value))

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'))
const COMMON_NAME = '550403'
const SERVER_AND_CLIENT = [oid('2b06010505070301'), oid('2b06010505070302')]

const EXTENSIONS = der(
  0xa3,
  sequence(
    // It is its own authority; it signs, agrees on keys, and stands for either end of a connection to localhost.
    extension('551d13', sequence(critical), critical),
    extension('551d0f', der(TAG.bits, Buffer.of(2, 0b1000_1100)), critical),
    extension('551d25', sequence(...SERVER_AND_CLIENT)),
    extension('551d11', sequence(der(0x82, Buffer.from('localhost')))),
  ),
)

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Good for as long as any terraform runs. */
export function ownCertificate(now: Instant): OwnCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const name = sequence(der(TAG.set, sequence(oid(COMMON_NAME), der(TAG.utf8, Buffer.from('localhost')))))
  const body = sequence(
    der(0xa0, der(TAG.integer, Buffer.of(2))),
    // Positive and not zero, as serial numbers are.
    der(TAG.integer, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(now - HOUR_MS), time(now + 365 * DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    EXTENSIONS,
  )
  const whole = sequence(body, ECDSA_WITH_SHA256, der(TAG.bits, Buffer.of(0), sign('sha256', body, privateKey)))
  const lines = whole.toString('base64').replaceAll(/(.{64})/g, '$1\n')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    der: whole,
  }
}
