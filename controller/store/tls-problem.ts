/** What to do where no connection to Postgres came to be because of TLS. Another try cures none of it. Pure. */

const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
])
const NOT_NOW: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])
const ANOTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID'
/** The words of the client and of the server: neither has a code for it alone. */
const NO_TLS = /server does not support SSL/
const ONLY_TLS = /no pg_hba\.conf entry .*no encryption/

/** What the file itself is the cause of; without descriptors or memory another try may do. */
const NO_FILE: ReadonlySet<string> = new Set(['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])
/** That a file is a folder is found out when it is read. */
const CALLS_OF_FILES: ReadonlySet<string> = new Set(['open', 'read'])

export interface NotConnected {
  readonly code: string
  readonly text: string
  /** What was asked of the system, where that was it: `open`, `read`. */
  readonly call: string
}

/** null: it was not TLS. */
export function tlsProblem({ code, text, call }: NotConnected): string | null {
  if (UNKNOWN_AUTHORITY.has(code))
    return 'Its certificate is signed by somebody who is not trusted here: name a file with that authority, by &sslrootcert=/FILE in DATABASE_URL or by NODE_EXTRA_CA_CERTS.'
  if (code === ANOTHER_NAME) return 'Its certificate is for other names: DATABASE_URL has to say one of them.'
  if (NOT_NOW.has(code)) return 'Its certificate has to be renewed, or a clock is wrong.'
  if (NO_TLS.test(text))
    return 'It speaks no TLS, and DATABASE_URL asks for it: turn it on there, or leave sslmode out where nobody else is on the way.'
  // It says the same to whom it lets in from nowhere.
  if (ONLY_TLS.test(text))
    return 'It may want TLS: say sslmode=verify-full in DATABASE_URL; otherwise its pg_hba.conf lets this user, database or address in nowhere.'
  // Of the files that the url may name, sslrootcert for one. A socket is not opened but connected to.
  if (NO_FILE.has(code) && CALLS_OF_FILES.has(call)) return 'DATABASE_URL names it.'
  return null
}
