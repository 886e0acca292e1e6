import type { IncomingMessage } from 'node:http'

/** Where a request wants to go. Nothing here is decoded yet. */
export function addressOf(request: IncomingMessage): { readonly path: string; readonly query: URLSearchParams } {
  const [path = '', ...rest] = (request.url ?? '').split('?')
  return { path: path.length > 1 ? path.replace(/\/$/, '') : path, query: new URLSearchParams(rest.join('?')) }
}
