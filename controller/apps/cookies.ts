/** Cookies of ours never reach an app, and an app's never leave the place it has. */

/** Names that are ours, with the prefixes browsers know. */
const OURS = /^(?:__Host-|__Secure-)?bothy[-_]/i
export const SESSION_COOKIE = 'bothy_app'

const nameOf = (pair: string): string => (pair.split('=', 1)[0] ?? '').trim()

const pairsIn = (header: string): string[] =>
  header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')

/** What of a `Cookie` header is the app's; null: nothing. */
export function cookiesForApp(header: string | undefined): string | null {
  const theirs = pairsIn(header ?? '').filter((pair) => !OURS.test(nameOf(pair)))
  return theirs.length > 0 ? theirs.join('; ') : null
}

/** Each value of our own cookie: an app beside ours on the same host may have set another of its name. */
export const sessionCookies = (header: string | undefined): string[] =>
  pairsIn(header ?? '')
    .filter((pair) => nameOf(pair) === SESSION_COOKIE)
    .map((pair) => pair.slice(pair.indexOf('=') + 1))

export const sessionCookie = (value: string, path: string, seconds: number, secure: boolean): string =>
  `${SESSION_COOKIE}=${value}; Path=${path}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`

/** A `Set-Cookie` of an app as a browser may have it, for a path as `outside` has it; null: it is not the app's to set. */
export function cookieFromApp(header: string, outside: (path: string) => string): string | null {
  const [pair = '', ...attributes] = header.split(';').map((part) => part.trim())
  if (OURS.test(nameOf(pair)) || !pair.includes('=')) return null
  const kept = attributes.filter((each) => !/^(domain|path)\s*(=|$)/i.test(each))
  const path = attributes.find((each) => /^path\s*=/i.test(each))?.replace(/^path\s*=\s*/i, '')
  return [pair, `Path=${outside(path?.startsWith('/') ? path : '/')}`, ...kept].join('; ')
}
