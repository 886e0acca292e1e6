import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { makeCertificate, type Certificate, type CertificateWish } from './kernel/certificate.ts'
import type { Clock, Instant } from './kernel/clock.ts'
import { makeFolder } from './kernel/folders.ts'
import type { Log } from './kernel/log.ts'
import { writeWhole } from './state.ts'

/**
 * A standalone has an authority of its own, made once, that signs the certificate it answers TLS with. Both lie in the state
 * folder, readable for its owner alone; what others may see of it is `tls/ca.crt`, which is in the kubeconfig too.
 */

export interface OwnCertificate {
  /** Of the authority, in PEM. */
  readonly ca: string
  readonly keys: { readonly cert: string; readonly key: string }
}

const DAY_MS = 86_400_000
const AUTHORITY_MS = 3650 * DAY_MS
const SERVER_MS = 365 * DAY_MS
const RENEWED_BEFORE_MS = 30 * DAY_MS
const LOOK_EVERY_MS = DAY_MS / 2
const NAME = 'Bothy of one machine'

/** The one that is there, or a new one: where there is none, where it soon ends, or where it does not name all of `hosts`. */
export function ownCertificate(stateDir: string, hosts: readonly string[], now: Instant): OwnCertificate {
  const dir = join(stateDir, 'tls')
  makeFolder(dir)
  const file = (name: string): string => join(dir, name)
  const from = now - DAY_MS / 24
  const authority = kept(file('ca.pem'), now, SERVER_MS + RENEWED_BEFORE_MS, () => true, {
    name: NAME,
    hosts: [],
    use: 'authority',
    from,
    until: now + AUTHORITY_MS,
    issuer: null,
  })
  writeWhole(file('ca.crt'), authority.certificate)
  const ca = new X509Certificate(authority.certificate)
  const names = [...new Set(['localhost', '127.0.0.1', '::1', ...hosts].map((host) => host.replace(/^\[|\]$/g, '')))]
  const isFor = (found: X509Certificate): boolean =>
    found.checkIssued(ca) && found.verify(ca.publicKey) && names.every((name) => namesHost(found, name))
  const server = kept(file('server.pem'), now, RENEWED_BEFORE_MS, isFor, {
    name: 'localhost',
    hosts: names,
    use: 'server',
    from,
    until: now + SERVER_MS,
    issuer: { name: NAME, key: createPrivateKey(authority.key) },
  })
  return { ca: authority.certificate, keys: { cert: server.certificate, key: server.key } }
}

const namesHost = (found: X509Certificate, host: string): boolean =>
  (isIP(host) === 0 ? found.checkHost(host, { subject: 'never' }) : found.checkIP(host)) !== undefined

/** Reads what this file holds if it will still be good for a while, and otherwise makes what is wished. */
function kept(
  file: string,
  now: Instant,
  forMs: number,
  isRight: (found: X509Certificate) => boolean,
  wish: CertificateWish,
): Pick<Certificate, 'certificate' | 'key'> {
  const found = certificateIn(file)
  if (found) {
    const { certificate, key } = found
    const read = new X509Certificate(certificate)
    const isInTime = read.validFromDate.getTime() <= now && read.validToDate.getTime() > now + forMs
    if (isInTime && read.checkPrivateKey(createPrivateKey(key)) && isRight(read)) return found
  }
  const made = makeCertificate(wish)
  writeWhole(file, made.key + made.certificate)
  return made
}

/** null: there is none, or what is there is none. */
function certificateIn(file: string): Pick<Certificate, 'certificate' | 'key'> | null {
  try {
    const text = readFileSync(file, 'utf8')
    const begins = text.indexOf('-----BEGIN CERTIFICATE-----')
    const [key, certificate] = [text.slice(0, begins), text.slice(begins)]
    const isReadable = createPrivateKey(key).type === 'private' && new X509Certificate(certificate).serialNumber !== ''
    return isReadable ? { key, certificate } : null
  } catch {
    return null
  }
}

/** A control plane may be up for longer than its certificate is good for. */
export async function keepRenewed(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  look: () => OwnCertificate,
  renew: (own: OwnCertificate) => void,
  over: AbortSignal,
): Promise<void> {
  for (let cert = look().keys.cert; ;) {
    await clock.sleep(LOOK_EVERY_MS, over)
    if (over.aborted) return
    try {
      const own = look()
      if (own.keys.cert === cert) continue
      renew(own)
      cert = own.keys.cert
      log.info('the certificate of the API was renewed')
    } catch (error) {
      log.warn('the certificate of the API could not be renewed, and is tried again later', { error })
    }
  }
}
