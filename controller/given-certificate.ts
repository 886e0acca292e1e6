import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Clock } from './kernel/clock.ts'
import { messageOf, Misconfigured } from './kernel/errors.ts'
import type { Log } from './kernel/log.ts'

/** A certificate that the operator gives as files, and that whoever made it renews while we run: cert-manager, a script, a person. */

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** In PEM. */
export interface GivenKeys {
  readonly cert: string
  readonly key: string
}

const LOOK_EVERY_MS = 60_000

/** Throws Misconfigured where they cannot be used, and names the variable. */
export function givenKeys(files: CertificateFiles): GivenKeys {
  const keys = { cert: textOf('BOTHY_TLS_CERT', files.cert), key: textOf('BOTHY_TLS_KEY', files.key) }
  try {
    createSecureContext(keys)
    return keys
  } catch (error) {
    throw new Misconfigured(`BOTHY_TLS_CERT and BOTHY_TLS_KEY are not a certificate and its key: ${messageOf(error)}`)
  }
}

function textOf(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Misconfigured(`${name} cannot be read: ${messageOf(error)}`)
  }
}

/** What cannot be used, as when one of the two files is new already, is looked at again; until then what was good stays. */
export async function keepGiven(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  files: CertificateFiles,
  renew: (keys: GivenKeys) => void,
  over: AbortSignal,
): Promise<void> {
  for (let shown = givenKeys(files); ;) {
    await clock.sleep(LOOK_EVERY_MS, over)
    if (over.aborted) return
    try {
      const keys = givenKeys(files)
      if (keys.cert === shown.cert && keys.key === shown.key) continue
      renew(keys)
      shown = keys
      log.info('the certificate was renewed')
    } catch (error) {
      log.warn('the renewed certificate cannot be used, and the old one stays', { error: messageOf(error) })
    }
  }
}
