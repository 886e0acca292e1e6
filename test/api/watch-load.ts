import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { systemClock } from '../../controller/kernel/clock.ts'

/** Writers and watchers of one API server, ours or another: what they wrote, what each of them saw, and how late. */

export interface Target {
  readonly url: string
  readonly token: string | null
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly rejectUnauthorized?: false }
}

const PATH = '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces'
const MERGE = 'application/merge-patch+json'
const RETRY_MS = 50
const VERSION = /"resourceVersion":"(\d+)"/
const WRITTEN = /"written":"([\d.]+)"/

const versionIn = (text: string): string => VERSION.exec(text)?.[1] ?? ''

export interface Load {
  create(name: string): Promise<void>
  /** Answers the version that it has now. */
  touch(name: string): Promise<string>
  newest(): Promise<string>
  /** From a version on; comes back with the last one it saw whenever it is cut off. */
  watch(from: string): Watcher
  close(): void
}

export interface Watcher {
  /** In the order in which they came. */
  readonly versions: readonly string[]
  /** From before a write was sent until it was seen here. */
  readonly lagsMs: readonly number[]
  /** How often it came back. */
  readonly resumed: () => number
  end(): void
}

export function createLoad({ url, token, tls = undefined }: Target): Load {
  const { hostname: host, port, protocol } = new URL(url)
  const isTls = protocol === 'https:'
  const agent = isTls ? new HttpsAgent({ keepAlive: true, maxSockets: 32 }) : new HttpAgent({ keepAlive: true, maxSockets: 32 })
  const ask = (method: string, path: string, type: string | null, of: HttpAgent | false): ClientRequest => {
    const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(type ? { 'content-type': type } : {}) }
    return (isTls ? httpsRequest : httpRequest)({ host, port, method, path, headers, agent: of, ...tls })
  }
  const send = (method: string, path: string, body?: object, type = 'application/json') =>
    new Promise<string>((resolve, reject) => {
      const sent = ask(method, path, body ? type : null, agent)
      sent.on('error', reject)
      sent.on('response', (answer: IncomingMessage) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        answer.on('error', reject)
        answer.on('end', () => ((answer.statusCode ?? 500) < 300 ? resolve(text) : reject(new Error(`${answer.statusCode}: ${text}`))))
      })
      sent.end(body ? JSON.stringify(body) : undefined)
    })
  return {
    async create(name) {
      await send('POST', PATH, {
        apiVersion: 'bothy.dev/v1alpha1',
        kind: 'Workspace',
        metadata: { name },
        spec: { template: { name: 'nobody' } },
      })
    },
    touch: async (name) =>
      versionIn(await send('PATCH', `${PATH}/${name}`, { metadata: { annotations: { written: String(systemClock.elapsedMs()) } } }, MERGE)),
    // Of the list, and not of what is in it.
    newest: async () =>
      (JSON.parse(await send('GET', `${PATH}?limit=1`)) as { metadata: { resourceVersion: string } }).metadata.resourceVersion,
    watch: (from) => watcherFrom(from, (version) => ask('GET', `${PATH}?watch=true&resourceVersion=${version}`, null, false)),
    close: () => agent.destroy(),
  }
}

function watcherFrom(from: string, open: (version: string) => ClientRequest): Watcher {
  const versions: string[] = []
  const lagsMs: number[] = []
  let last = from
  let resumed = -1
  let over = false
  let sent: ClientRequest | null = null

  const take = (line: string): void => {
    const seenAt = systemClock.elapsedMs()
    const version = VERSION.exec(line)?.[1]
    if (version === undefined || !/^\{"type":"(ADDED|MODIFIED|DELETED)"/.test(line)) throw new Error(`not a change: ${line.slice(0, 300)}`)
    versions.push(version)
    last = version
    const writtenAt = WRITTEN.exec(line)?.[1]
    if (writtenAt) lagsMs.push(seenAt - Number(writtenAt))
  }
  const begin = (): void => {
    if (over) return
    let rest = ''
    let isBack = false
    const again = () => {
      if (isBack) return
      isBack = true
      systemClock.after(RETRY_MS, begin)
    }
    sent = open(last)
    sent.on('error', again)
    sent.on('response', (answer) => {
      if (answer.statusCode !== 200) return void answer.resume().on('close', again)
      resumed += 1
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) take(line)
      })
      answer.on('error', again).on('close', again)
    })
    sent.end()
  }
  begin()
  return {
    versions,
    lagsMs,
    resumed: () => resumed,
    end() {
      over = true
      sent?.destroy()
    },
  }
}

/** `work` about so often a second, for so long, however long each takes. */
export async function atRate(perSecond: number, forMs: number, work: (i: number) => Promise<void>): Promise<void> {
  const startedAt = systemClock.elapsedMs()
  const running: Promise<void>[] = []
  const count = Math.round((perSecond * forMs) / 1000)
  for (let i = 0; i < count; i += 1) {
    const dueMs = startedAt + (i * 1000) / perSecond - systemClock.elapsedMs()
    if (dueMs > 0) await systemClock.sleep(dueMs)
    running.push(work(i))
  }
  await Promise.all(running)
}

/** The value below which this part of them lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}
