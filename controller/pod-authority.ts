import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { messageOf, Misconfigured } from './kernel/errors.ts'
import type { Log } from './kernel/log.ts'

const NAME = 'BOTHY_POD_CA_FILE'

/**
 * Whom agents in pods trust besides those that their image knows: one certificate in PEM or several. null: nobody. A file that is not
 * there says so as well: it comes of a key that a ConfigMap or a Secret may have, and whose certificate everybody knows has none.
 */
export function podAuthority(file: string | null, log: Log): string | null {
  const text = file === null ? null : textOf(file)
  if (file !== null && text === null) log.info(`no file is at ${NAME}: pods trust whom their image knows`, { file })
  if (text === null || text.trim() === '') return null
  const found = text.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g) ?? []
  if (found.length === 0 || !found.every(isCertificate))
    throw new Misconfigured(`${NAME}=${file}: must be a certificate in PEM, or several, beginning with -----BEGIN CERTIFICATE-----`)
  return `${found.join('\n')}\n`
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new Misconfigured(`${NAME} cannot be read: ${messageOf(error)}`)
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
