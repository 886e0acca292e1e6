import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { TRAILER_COMPLETE, type FileSeen } from '../agent/protocol.ts'
import { messageOf } from '../controller/kernel/errors.ts'
import type { Client } from './client.ts'
import { wayTo, type Endpoint } from './endpoint.ts'
import { EXIT, Failure } from './failure.ts'
import { pathOfRef, refOf } from './objects.ts'
import { failureOfAnswer } from './refusal.ts'

/** Files of one agent of a workspace, over the API. */
export interface FilesClient {
  /** null: there is nothing of that name. */
  stat(path: string): Promise<FileSeen | null>
  /** Bytes of a file, or a folder as tar. Fails in the middle rather than end too early. */
  get(op: 'read' | 'pack', path: string): AsyncIterable<Buffer>
  put(op: 'write' | 'unpack', path: string, body: Readable, query?: Readonly<Record<string, string>>): Promise<void>
}

export interface Where {
  readonly namespace: string
  readonly workspace: string
  readonly agent: string | null
}

export function filesClient(client: Client, { namespace, workspace, agent }: Where): FilesClient {
  const base = pathOfRef(refOf(workspace, namespace, 'workspace'), 'files')
  /** Relative to the home folder, unless it begins with a slash. */
  const named = ({ url: plane }: Endpoint, op: string, path: string, more: Readonly<Record<string, string>> = {}): URL => {
    const url = new URL(plane + base)
    const query = { op, path, ...(path.startsWith('/') ? { root: '/' } : {}), ...(agent ? { agent } : {}), ...more }
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return url
  }
  return {
    async stat(path) {
      try {
        const here = await client.endpoint()
        const answer = await send(here, 'GET', named(here, 'stat', path), null)
        const seen: FileSeen = JSON.parse(await textOf(answer))
        return seen
      } catch (error) {
        // What is not there may be the workspace itself, or its agent: then nothing is to be sent either.
        if (error instanceof Failure && error.reason === 'NotFound' && !NOWHERE.test(error.text.what)) return null
        throw error
      }
    },
    async *get(op, path) {
      const here = await client.endpoint()
      const answer = await send(here, 'GET', named(here, op, path), null)
      try {
        for await (const part of answer) if (Buffer.isBuffer(part)) yield part
      } catch {
        throw brokenOff(path)
      }
      if (answer.trailers[TRAILER_COMPLETE] !== '1') throw brokenOff(path)
    },
    async put(op, path, body, query) {
      const here = await client.endpoint()
      await textOf(await send(here, 'PUT', named(here, op, path, query), body))
    },
  }
}

const NOWHERE = /^there is no workspace\/|^The workspace has no agent /

const brokenOff = (path: string): Failure =>
  new Failure(EXIT.unreachable, {
    what: `the transfer of ${path} broke off`,
    where: 'the workspace or the control plane was lost on the way; nothing half done was kept',
    fix: 'try it again',
  })

function send(endpoint: Endpoint, method: string, target: URL, body: Readable | null): Promise<IncomingMessage> {
  const { token, url, from } = endpoint
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const sent = request(target, {
      method,
      ...wayTo(endpoint),
      headers: { 'user-agent': 'bothy-cli', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    })
    let sending: unknown = null
    sent.on('response', (answer) => {
      const status = answer.statusCode ?? 500
      if (status < 400) return resolve(answer)
      body?.destroy()
      textOf(answer).then(
        (text) => reject(failureOfAnswer(status, text, { url, from })),
        () => reject(failureOfAnswer(status, '', { url, from })),
      )
    })
    sent.on('error', (error) => {
      if (error instanceof Failure) return reject(error)
      const lost = new Failure(EXIT.unreachable, {
        what: body ? 'the transfer broke off' : 'the control plane cannot be reached',
        where: `${url} (${from}): ${messageOf(error)}; nothing half done was kept`,
        fix: 'try it again',
      })
      reject(sending instanceof Failure ? sending : sending === null ? lost : sending)
    })
    if (!body) return void sent.end()
    // What cannot be read here must not look like its end there.
    body.on('error', (error) => {
      sending = error
      sent.destroy(error)
    })
    body.pipe(sent)
  })
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of answer) if (Buffer.isBuffer(part)) parts.push(part)
  return Buffer.concat(parts).toString()
}
