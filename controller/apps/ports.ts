import type { Cache } from '../cluster/port.ts'
import type { Connections } from '../connect/connections.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import type { Pass, Passes } from '../store/passes.ts'
import type { Db } from '../store/pool.ts'
import type { Subject } from '../store/records.ts'

export interface AppsPorts {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly cache: Pick<Cache, 'get' | 'list'>
  readonly connections: Pick<Connections, 'openStream'>
  readonly passes: Passes
  /** Owns the workspaces that name no owner. */
  readonly localUser: string
  /** Why nobody may enter a workspace now; null: people may. */
  readonly barred: (workspace: Subject) => Refused | null
  /** Whether somebody may enter a workspace as its owner does. */
  readonly mayConnect: (person: Pick<Pass, 'user' | 'groups'>, workspace: Subject) => Promise<boolean>
  /** The bearer token of the API: an app must never be given it. */
  readonly token: string
  /** Where people find the page. */
  readonly pageUrl: string
  /** How people call this program. */
  readonly program: string
}

export interface AppsListen {
  readonly host: string
  readonly port: number
  /** Somebody chose the port: another one would not do. */
  readonly portIsChosen: boolean
  /** In PEM; null: plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | null
  /** Where people reach it; null: where it listens. */
  readonly url: string | null
  /** `.apps.example.com`: every name under it is an app's own host. null: there is no such name. */
  readonly suffix: string | null
  /** Names it is reached by, besides loopback. */
  readonly hosts: readonly string[]
}

/** Where browsers reach apps. */
export interface Outside {
  /** `http://127.0.0.1:7081` */
  readonly origin: string
  readonly suffix: string | null
  readonly secure: boolean
}

/** How long is waited, and how much there may be. */
export interface AppsLimits {
  /** For the first byte of an answer, or for the next of a request. */
  readonly answerMs: number
  /** Requests and connections of one workspace. */
  readonly perWorkspace: number
  /** Connections to one port of an agent. */
  readonly perTarget: number
  readonly connections: number
}

export const LIMITS: AppsLimits = { answerMs: 120_000, perWorkspace: 512, perTarget: 256, connections: 4096 }
