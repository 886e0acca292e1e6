import type { OutgoingHttpHeaders } from 'node:http2'
import { HEADER_TARGET, HEADER_USE, SERVICES, type UseKind } from '../../agent/protocol.ts'
import { Refused } from '../kernel/errors.ts'

/** What people reach in a workspace through an upgraded connection, as a table: `…/workspaces/NAME/SUB?agent=…`. */

export interface BridgedService {
  /** The agent's. */
  readonly path: string
  /** What the audit calls it. */
  readonly action: string
  /** Of all people together on this replica. */
  readonly sessionsMax: number
  /** How bytes go over a WebSocket: closed by whoever is done, or each direction ended by itself as TCP's are. */
  readonly ends: 'together' | 'apart'
  /** The agent may refuse: people hear it as the answer to their upgrade, before any byte. */
  readonly waitsForAnswer: boolean
  /** What the agent is told of the query. Throws `Refused` for what makes no sense. */
  readonly headers: (query: URLSearchParams) => OutgoingHttpHeaders
  /** What the audit says of the query. */
  readonly detail: (query: URLSearchParams) => Readonly<Record<string, string>>
}

const nothing = () => ({})

export const BRIDGED = {
  exec: {
    path: SERVICES.exec,
    action: 'exec',
    sessionsMax: 1000,
    ends: 'together',
    waitsForAnswer: false,
    headers: nothing,
    detail: nothing,
  },
  ssh: { path: SERVICES.ssh, action: 'ssh', sessionsMax: 1000, ends: 'apart', waitsForAnswer: true, headers: nothing, detail: nothing },
  port: {
    path: SERVICES.port,
    action: 'port-forward',
    sessionsMax: 4000,
    ends: 'apart',
    waitsForAnswer: true,
    headers: (query) => ({ [HEADER_TARGET]: encodeURIComponent(targetOf(query)), [HEADER_USE]: useOf(query) }),
    detail: (query) => ({ target: targetOf(query), use: useOf(query) }),
  },
  terminal: {
    path: SERVICES.terminal,
    action: 'terminal',
    sessionsMax: 1000,
    ends: 'together',
    waitsForAnswer: false,
    headers: nothing,
    detail: nothing,
  },
} as const satisfies Readonly<Record<string, BridgedService>>

export type BridgedName = keyof typeof BRIDGED

export const isBridged = (name: string | null): name is BridgedName => name !== null && Object.hasOwn(BRIDGED, name)

const TARGET_LENGTH_MAX = 512
const TCP = /^tcp:(?<host>\[[0-9a-fA-F:.]{2,45}(?:%[\w.-]{1,32})?\]|[\w.-]{1,253}):(?<port>\d{1,5})$/
const UNIX = /^unix:\/[^\0]+$/

function targetOf(query: URLSearchParams): string {
  const target = query.get('target') ?? ''
  const port = Number(TCP.exec(target)?.groups?.['port'] ?? 0)
  if (target.length <= TARGET_LENGTH_MAX && ((port > 0 && port < 65_536) || UNIX.test(target))) return target
  throw new Refused('BadRequest', 'target must be like tcp:127.0.0.1:8080, tcp:[::1]:8080 or unix:/run/some.sock')
}

const PORT_USES: ReadonlySet<string> = new Set<UseKind>(['PortForward', 'App', 'Ide'])

function useOf(query: URLSearchParams): string {
  const use = query.get('use') || 'PortForward'
  if (!PORT_USES.has(use)) throw new Refused('BadRequest', `use must be one of ${[...PORT_USES].join(', ')}`)
  return use
}
