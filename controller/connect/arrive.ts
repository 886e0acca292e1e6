import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { HEADER_AGENT_ID, HEADER_PROTOCOL, HEADER_TOKEN, PROTOCOL, protocolMismatch } from '../../agent/protocol.ts'
import { messageOf, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { sha256 } from '../kernel/names.ts'
import type { AgentRow } from '../store/records.ts'
import { answerPlainly } from './http-answer.ts'
import type { KnownAgent } from './known.ts'
import { accepted } from './link.ts'

export interface Arrival {
  readonly agent: AgentRow
  readonly tokenHash: string
  readonly connection: Duplex
}

const ID = /^[A-Za-z0-9-]{1,64}$/
const TOKEN_LENGTH_MAX = 512

/** Who dials in is known before anything of theirs is read; null: they were told why not. */
export async function arrive(known: KnownAgent, log: Log, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<Arrival | null> {
  const id = headerOf(request.headers, HEADER_AGENT_ID)
  const token = headerOf(request.headers, HEADER_TOKEN)
  const refuse = (code: number, why: string): null => {
    // Told to be ours: what lies between may refuse too, and an agent gives up for nobody else.
    answerPlainly(socket, code, why, { [HEADER_PROTOCOL]: PROTOCOL })
    return null
  }
  const mismatch = protocolMismatch(headerOf(request.headers, HEADER_PROTOCOL), PROTOCOL)
  if (mismatch) return refuse(426, mismatch)
  if (!ID.test(id) || token === '' || token.length > TOKEN_LENGTH_MAX) return refuse(403, 'No agent id and token were given.')
  const tokenHash = sha256(token)
  try {
    const agent = await known(id, tokenHash)
    if (!agent) return refuse(403, `Agent ${id} belongs to no workspace any more, or its token is another's.`)
    return { agent, tokenHash, connection: await accepted(request, socket, head) }
  } catch (error) {
    if (!(error instanceof Transient)) log.error('an agent could not be let in', { agent: id, error })
    return refuse(503, error instanceof Transient ? messageOf(error) : 'This is a fault of the control plane; its log has the details.')
  }
}

const headerOf = (headers: IncomingHttpHeaders, name: string): string => {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}
