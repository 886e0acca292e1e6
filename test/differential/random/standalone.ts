import type { Server } from '../harness/server.ts'
import type { RandomDocument } from './documents.ts'
import { verdictOf, warningsOf } from './real.ts'
import type { Verdict } from './verdict.ts'

/** What standalone answers to a new document, over HTTP as anybody asks it. */
export async function standaloneVerdict(server: Server, path: string, { text, validation }: RandomDocument): Promise<Verdict> {
  const query = `dryRun=All&fieldValidation=${validation}`
  const answer = await server.open('POST', `${path}?${query}`, { 'content-type': 'application/json' }, text)
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(Buffer.from(chunk as Uint8Array))
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  const warnings = (answer.headersDistinct['warning'] ?? []).flatMap(warningsOf)
  return verdictOf({ code: answer.statusCode ?? 0, body, warnings })
}
