import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import type { Kind } from '../../../crds/kinds.ts'
import { isJsonObject } from '../../../crds/schema/types.ts'
import { accepted, refused, type Verdict } from './verdict.ts'

/** The real API server, asked over connections that stay. */
export interface RealServer {
  ask(method: string, path: string, query: Readonly<Record<string, string>>, text?: string): Promise<Said>
  close(): void
}

export interface Said {
  readonly code: number
  readonly body: unknown
  readonly warnings: readonly string[]
}

export async function realServer(kubeconfig: string): Promise<RealServer> {
  const config = new KubeConfig()
  config.loadFromString(readFileSync(kubeconfig, 'utf8'))
  const base = new URL(config.getCurrentCluster()?.server ?? '')
  const options = {}
  await config.applyToHTTPSOptions(options)
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ...options })
  return {
    async ask(method, path, query, text) {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
        const at = `${path}?${new URLSearchParams(query).toString()}`
        const sent = request({ host: base.hostname, port: base.port, method, path: at, agent, headers }, resolve)
        sent.on('error', reject)
        sent.end(text)
      })
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(Buffer.from(chunk as Uint8Array))
      const warnings = [...(answer.headersDistinct['warning'] ?? [])].flatMap(warningsOf)
      const said = Buffer.concat(chunks).toString('utf8')
      // Before a kind is served there is no Status either, but a line of text.
      return { code: answer.statusCode ?? 0, body: said.startsWith('{') ? JSON.parse(said) : said, warnings }
    },
    close: () => agent.destroy(),
  }
}

/** `299 - "text"`, in which quotes are escaped; its bytes are UTF-8, which HTTP does not know. */
export const warningsOf = (header: string): readonly string[] =>
  [
    ...Buffer.from(header, 'latin1')
      .toString('utf8')
      .matchAll(/299 - "((?:[^"\\]|\\.)*)"/g),
  ].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1'))

export const pathOf = (kind: Kind, namespace: string, name?: string): string =>
  `/apis/${kind.apiVersion}/${kind.namespaced ? `namespaces/${namespace}/` : ''}${kind.plural}${name === undefined ? '' : `/${name}`}`

export function verdictOf({ code, body, warnings }: Said): Verdict {
  if (code < 300) return accepted(200, body, warnings)
  const status = isJsonObject(body) ? body : {}
  const details = isJsonObject(status['details']) ? status['details'] : {}
  const causes = (Array.isArray(details['causes']) ? details['causes'] : []).filter(isJsonObject)
  return refused({
    code,
    message: String(status['message']),
    warnings,
    causes: causes.map((cause) => ({ reason: String(cause['reason']), field: String(cause['field']), message: String(cause['message']) })),
  })
}
