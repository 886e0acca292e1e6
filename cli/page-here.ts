import { createServer, request as httpRequest, type ClientRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline, type Duplex } from 'node:stream'
import { pour } from '../controller/kernel/pour.ts'
import { wayTo, type Endpoint } from './endpoint.ts'

/**
 * The page of a control plane that only this program reaches, on a port of loopback: a browser has no kubeconfig, and knows no authority
 * of a cluster's own. It lends nothing: what the browser shows of itself goes through as it is, the control plane is asked under the name that
 * the browser used, and refuses names and pages that are not its own as it does everywhere.
 */
export interface PageHere {
  readonly origin: string
  close(): void
}

export async function openPageHere(endpoint: () => Promise<Endpoint>): Promise<PageHere> {
  const server = createServer((asked, answer) => {
    passOn(endpoint, asked).then(
      (sent) => joinAnswer(sent, asked, answer),
      () => outOfReach(answer),
    )
  })
  server.on('upgrade', (asked: IncomingMessage, here: Duplex, head: Buffer) => {
    here.on('error', () => {})
    if (head.length > 0) here.unshift(head)
    // Node keeps the other half open of whoever ends: a browser that does before it is answered has gone.
    const gone = () => void here.destroy()
    here.once('end', gone)
    passOn(endpoint, asked).then(
      (sent) => joinUpgraded(sent, here, gone),
      () => here.destroy(),
    )
  })
  const port = await listening(server)
  return {
    origin: `http://127.0.0.1:${port}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

async function passOn(
  endpoint: () => Promise<Endpoint>,
  { method = 'GET', url = '/', rawHeaders, socket }: IncomingMessage,
): Promise<ClientRequest> {
  const place = await endpoint()
  if (socket.destroyed) throw new Error('nobody waits for the answer any more')
  const target = new URL(place.url)
  const { protocol, hostname, port } = target
  const secure = protocol === 'https:'
  // The certificate must be that of the published name, whatever name the browser used.
  const to = { hostname, port: port || (secure ? 443 : 80), path: `${target.pathname.replace(/\/$/, '')}${url}`, servername: hostname }
  return (secure ? httpsRequest : httpRequest)({ ...to, ...wayTo(place), method, headers: rawHeaders, setHost: false })
}

const outOfReach = (answer: ServerResponse): void => void answer.writeHead(502).end('the control plane cannot be reached now')

function joinAnswer(sent: ClientRequest, asked: IncomingMessage, answer: ServerResponse): void {
  sent.on('response', (said) => {
    answer.writeHead(said.statusCode ?? 502, said.statusMessage, said.rawHeaders)
    pipeline(said, answer, () => {})
  })
  sent.on('error', () => (answer.headersSent ? answer.destroy() : outOfReach(answer)))
  // Whoever goes while it is answered waits for no answer.
  answer.on('close', () => void sent.destroy())
  pipeline(asked, sent, () => {})
}

function joinUpgraded(sent: ClientRequest, here: Duplex, gone: () => void): void {
  const give = ({ statusCode, statusMessage, rawHeaders }: IncomingMessage) => {
    const lines = [`HTTP/1.1 ${statusCode ?? 502} ${statusMessage ?? ''}`]
    for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at] ?? ''}: ${rawHeaders[at + 1] ?? ''}`)
    here.write(`${lines.join('\r\n')}\r\n\r\n`)
  }
  here.on('close', () => void sent.destroy())
  sent.on('upgrade', (answer, there, head) => {
    here.off('end', gone)
    if (head.length > 0) there.unshift(head)
    give(answer)
    // One that breaks breaks the other: half of a terminal is of no use to anybody.
    there.on('error', () => here.destroy())
    there.on('close', () => here.destroy())
    here.on('close', () => there.destroy())
    pour(there, here)
    pour(here, there)
  })
  sent.on('response', (answer) => {
    // Its body may come in pieces whose lengths the head speaks of, and node has taken them away: the status is what counts.
    here.end(`HTTP/1.1 ${answer.statusCode ?? 502} ${answer.statusMessage ?? ''}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    answer.resume()
  })
  sent.on('error', () => here.destroy())
  sent.end()
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
