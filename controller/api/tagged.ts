import { sha256 } from '../kernel/names.ts'
import type { Call } from './ports.ts'

/** Documents that change with the program alone: who has one is told so, and is sent nothing. */

export const tagOf = (text: string): string => sha256(text).toUpperCase()

export function answerTagged({ request, response }: Pick<Call, 'request' | 'response'>, text: string, contentType: string): void {
  const tag = `"${tagOf(text)}"`
  response.setHeader('etag', tag)
  response.setHeader('cache-control', 'no-cache, private')
  if (isKnown(request.headers['if-none-match'], tag)) {
    response.writeHead(304)
    response.end()
    return
  }
  response.writeHead(200, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

const isKnown = (header: string | undefined, tag: string): boolean =>
  (header ?? '').split(',').some((each) => ['*', tag].includes(each.trim().replace(/^W\//, '')))
