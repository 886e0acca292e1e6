import type { AppsPorts } from './apps/ports.ts'
import { openApps } from './apps/server.ts'
import type { Cache } from './cluster/port.ts'
import type { Config } from './config.ts'
import type { Connections } from './connect/connections.ts'
import { givenKeys } from './given-certificate.ts'
import type { Clock } from './kernel/clock.ts'
import { Misconfigured, type Refused } from './kernel/errors.ts'
import type { Log } from './kernel/log.ts'
import type { Metrics } from './kernel/metrics.ts'
import type { Closers } from './shutdown.ts'
import { openPasses, type Passes } from './store/passes.ts'
import type { Db } from './store/pool.ts'
import type { Subject } from './store/records.ts'
import type { Sealer } from './store/sealed.ts'

/** What browsers need of a control plane besides its API: passes, and the origin of apps. */

export interface BrowserWorld {
  readonly config: Config
  readonly token: string
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly closers: Closers
  readonly db: Db
  readonly cache: Cache
  readonly connections: Connections
  readonly barred: (workspace: Subject) => Refused | null
  readonly mayConnect: AppsPorts['mayConnect']
  readonly onRightsChanged?: (listener: () => void) => () => void
  readonly sealer: Sealer
  /** Of the API, and the port it has. */
  readonly url: string
  readonly port: number
}

const PORT_MAX = 65_535

export async function openBrowserSide(world: BrowserWorld) {
  const { config, token, clock, log, metrics, closers, db, cache, connections, barred, mayConnect, sealer } = world
  const passes: Passes = await openPasses({ db, clock, key: sealer.derive('passes') })
  const pageUrl = `${config.accessUrl ?? world.url}/`
  const appsUrl = config.apps.url ?? besides(config)
  refuseOneOrigin(pageUrl, appsUrl)
  const apps = await openApps(
    {
      db,
      clock,
      log,
      metrics,
      cache,
      connections,
      passes,
      localUser: config.user,
      barred,
      mayConnect,
      token,
      pageUrl,
      program: config.program,
    },
    {
      host: config.host,
      port: config.apps.port ?? portBeside(config.port, world.port),
      portIsChosen: config.apps.port !== null,
      tls: config.tls && givenKeys(config.tls),
      url: appsUrl,
      suffix: config.apps.suffix ?? (isOnThisMachine(config) ? '.localhost' : null),
      hosts: [config.accessUrl, appsUrl].flatMap((each) => (each === null ? [] : [new URL(each).hostname])),
    },
  )
  const unheard = world.onRightsChanged?.(() => apps.review())
  closers.add('apps', async () => {
    unheard?.()
    await apps.close()
    await passes.close()
  })
  cache.onChange((_key, { kind }) => (['Owner', 'Workspace', 'Template'].includes(kind) ? apps.review() : undefined))
  return { passes, openApp: apps.open, pageUrl, renew: apps.renew }
}

/** Any, where the API has any too; otherwise the next. */
const portBeside = (wanted: number, port: number): number => (wanted === 0 || port >= PORT_MAX ? 0 : port + 1)

/** Browsers know that every name under localhost is this machine. */
const isOnThisMachine = ({ accessUrl, host, apps }: Config): boolean =>
  accessUrl === null && apps.url === null && /^(127\.|localhost$|::1$)/.test(host)

/** Where the API is reached by a name, apps are reached by the same and another port. */
function besides({ accessUrl, apps, port, tls }: Config): string | null {
  if (accessUrl === null) return null
  const url = new URL(accessUrl)
  return `${tls ? 'https:' : url.protocol}//${url.hostname}:${apps.port || port + 1}`
}

function refuseOneOrigin(pageUrl: string, appsUrl: string | null): void {
  if (appsUrl !== null && new URL(pageUrl).origin === new URL(appsUrl).origin)
    throw new Misconfigured(
      'BOTHY_APPS_URL and BOTHY_ACCESS_URL are one origin: what runs in a workspace could act for whoever looks at it. Give apps another port or host',
    )
}
