import type { IncomingMessage } from 'node:http'

/**
 * A page of another origin may lead somebody to an app, and no more: what it asks for by itself goes without the session of
 * whoever looks at it. Hosts under one wildcard are one site to a browser, so its cookies' SameSite alone would not do.
 */
export function isForeign({ headers, method }: IncomingMessage, origin: string): boolean {
  const site = headers['sec-fetch-site']
  if (site === 'cross-site' || site === 'same-site')
    return !(method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document')
  return headers.origin !== undefined && headers.origin !== origin
}
