import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Kind } from '../../crds/kinds.ts'
import type { Cluster } from '../cluster/port.ts'
import type { Wish } from '../cluster/reviews.ts'
import type { Files } from '../connect/files.ts'
import type { Enter } from '../connect/sessions.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import type { Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import type { Pass, Passes } from '../store/passes.ts'
import type { Db } from '../store/pool.ts'
import type { Subject } from '../store/records.ts'

export type { Wish }
import type { Tokens } from '../store/tokens.ts'

export interface Check {
  readonly name: string
  /** null when ready, otherwise what is not. */
  look(): Promise<string | null>
}

/** What a browser is let in with, and where it is led to. */
export interface BrowserPorts {
  readonly passes: Passes
  readonly openApp: (wish: {
    readonly subject: Subject
    readonly agent: string | null
    readonly what: { readonly app: string } | { readonly port: number }
    readonly rest: string
    readonly user: string
    readonly groups: readonly string[]
    readonly by: string
  }) => Promise<unknown>
  /** Of the page. */
  readonly pageUrl: string
}

/** Who asks. */
export interface Caller {
  readonly user: string
  readonly groups: readonly string[]
  /** Of the page of somebody who signed in, which may less; null: it is not the page that asks. */
  readonly session: Pass | null
  /** The id of a token that was made for a purpose; null: another way to show who one is. */
  readonly token: string | null
}

/** Who somebody is, and what they may. */
export interface Authority {
  /** Of a bearer token that was shown from an address; null: nobody's. Throws `Refused` or `Transient` where it cannot be said. */
  authenticate(bearer: string, address?: string): Promise<Caller | null>
  /** null: they may. */
  authorize(caller: Caller, wish: Wish): Promise<Refused | null>
  /** Somebody may have lost what they may: what goes on is asked about again. Answers how to listen no more. */
  onChanged?(listener: () => void): () => void
}

/** What the API needs to answer at all: it does before there is a database, so that nobody takes a long migration for a crash. */
export interface DoorPorts {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly version: string
  readonly authority: Authority
}

/** The agent's program as those fetch it who have it not. */
export interface PackedProgram {
  readonly file: string
  readonly bytes: number
  readonly sha256: string
}

/** What the API is given when everything is open: it decides nothing itself. */
export interface ApiPorts extends DoorPorts {
  readonly cluster: Cluster
  /** The API server that keeps what is declared; absent: this control plane does. */
  readonly objectsAt?: string
  readonly db: Db
  readonly checks: readonly Check[]
  readonly why: (kind: string, namespace: string, name: string) => Promise<unknown>
  /** What the clock would do to a workspace; null: there is no such workspace. */
  readonly simulate: (namespace: string, name: string, until: Instant) => Promise<unknown>
  readonly status: () => Promise<unknown>
  readonly down: (user: string) => Promise<unknown>
  /** Misconfigured where there is none for that platform; its message says how to get it. */
  readonly agentProgram: (platform: { readonly os: string; readonly arch: string }) => Promise<PackedProgram>
  readonly enter: Enter
  readonly files: Files['serve']
  /** Absent: this control plane serves no page. */
  readonly browser?: BrowserPorts
  /** Made for a purpose. Absent: the cluster has them. */
  readonly tokens?: Tokens
  /** Of each agent of a workspace, by its name: its public host key. */
  readonly hostKeys: (workspaceUid: string) => Promise<Readonly<Record<string, string>>>
  /** What listens in the workspace of an agent; null: it cannot be asked now. */
  readonly portsOf: (agentId: string) => Promise<readonly { readonly port: number; readonly process: string }[] | null>
  readonly connect: { readonly path: string; readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void }
}

/** A certificate and its key, in PEM. */
export interface Keys {
  readonly cert: string
  readonly key: string
}

export interface Listen {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** With them, nothing but TLS is answered. */
  readonly tls: Keys | null
  /** What TLS is answered with on the same port, beside plain HTTP: made by ourselves. */
  readonly own?: Keys
  /** The operator knows that another address than loopback without TLS sends tokens in the clear. */
  readonly insecure: boolean
  /** Names under which this control plane is reached, besides those of loopback. */
  readonly hosts: readonly string[]
}

/** What a path names. */
export interface Target {
  readonly kind: Kind
  /** null: all of them, or a kind that has none. */
  readonly namespace: string | null
  readonly name: string | null
  readonly subresource: string | null
}

/** A call that came before everything was open. */
export interface EarlyCall {
  readonly ports: DoorPorts
  readonly caller: Caller
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly log: Log
  /** Aborts when the client is gone or the server ends. */
  readonly signal: AbortSignal
}

export interface Call extends EarlyCall {
  readonly ports: ApiPorts
}

export type Handler = (call: Call) => Promise<void>
export type ResourceHandler = (call: Call, target: Target) => Promise<void>
