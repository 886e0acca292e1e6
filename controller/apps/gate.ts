import type { IncomingMessage } from 'node:http'
import { timingSafeEqual } from 'node:crypto'
import { sha256 } from '../kernel/names.ts'
import { PASS_BEGINS, type Pass } from '../store/passes.ts'
import { TOKEN_BEGINS } from '../store/tokens.ts'
import type { AgentApp, AppShare } from '../store/agent-manifests.ts'
import { judge, levelOf } from './access.ts'
import { addressOf, hostOf, targetOf } from './addresses.ts'
import { sessionCookie, sessionCookies } from './cookies.ts'
import { isForeign } from './foreign.ts'
import type { Face } from './headers.ts'
import * as say from './notices.ts'
import type { Notice } from './pages.ts'
import { labelIn, pathOf, placeAt, type Place } from './place.ts'
import type { Dial } from './pool.ts'
import type { AppsPorts, Outside } from './ports.ts'
import { findIn, type Found, type WorkspaceSeen, type Workspaces } from './workspaces.ts'

/** Whether a request comes through, to which port of which agent, and as what. */

export interface Admitted {
  readonly workspace: WorkspaceSeen
  readonly place: Place
  readonly session: Pass | null
  readonly dial: Dial
  readonly face: Face
  /** Of the address, what the app is asked for. */
  readonly rest: string
  /** What the app is called in a sentence. */
  readonly title: string
  readonly share: AppShare
  readonly by: 'host' | 'path'
  /** A cookie of ours that goes with the answer; null: the one it has will do. */
  readonly cookie: string | null
}

export type Answer = { readonly in: Admitted } | { readonly notice: Notice } | { readonly redirect: string }

export interface Gate {
  admit(request: IncomingMessage): Promise<Answer>
  /** Whether something that goes on may: rights, sharing, suspension and sessions change while it does. */
  stillIn(admitted: Admitted): Promise<boolean>
  placeOf(
    request: IncomingMessage,
    url: string,
  ): Promise<{ readonly place: Place; readonly base: string; readonly rest: string; readonly by: 'host' | 'path' } | null>
}

const RENEWED_BEFORE_MS = 30 * 60_000
/** However much it is used, somebody shows again who they are. */
const RENEWED_FOR_MS = 7 * 86_400_000

export function createGate(
  ports: AppsPorts,
  workspaces: Workspaces,
  outside: () => Outside,
  isOurHost: (request: IncomingMessage) => boolean,
): Gate {
  const { passes, clock, barred, mayConnect } = ports
  const isOurToken = ourToken(ports.token)

  const placeOf: Gate['placeOf'] = async (request, url) => {
    const label = labelIn(request.headers.host ?? '', outside().suffix)
    if (label !== null) {
      const place = await workspaces.behind(label)
      return place && { place, base: '', rest: url, by: 'host' }
    }
    const found = isOurHost(request) ? placeAt(url) : null
    return found && { ...found, by: 'path' }
  }
  const visitorOf = async (session: Pass | null, workspace: WorkspaceSeen) =>
    session && { mayConnect: await mayConnect(session, workspace.subject) }

  const sessionOf = (request: IncomingMessage, workspace: WorkspaceSeen, place: Place): Pass | null => {
    const target = targetOf(workspace.subject, place)
    for (const text of sessionCookies(request.headers.cookie)) {
      const pass = passes.read('App', text)
      if (pass?.target === target) return pass
    }
    return null
  }
  const renewed = (session: Pass | null, base: string): string | null => {
    const now = clock.now()
    if (!session || session.until - now > RENEWED_BEFORE_MS || now - session.since > RENEWED_FOR_MS) return null
    return sessionCookie(passes.renew(session), base === '' ? '/' : base, 3600, outside().secure)
  }

  return {
    placeOf,
    async admit(request) {
      const at = await placeOf(request, request.url ?? '/')
      const origin = `${outside().secure ? 'https' : 'http'}://${request.headers.host ?? ''}`
      // A port may have digits of which none is made.
      if (!at || !URL.canParse(origin)) return { notice: say.nothingHere(ports.pageUrl) }
      const { place, base, rest, by } = at
      if (by === 'path' && !rest.startsWith('/')) return { redirect: `${base}/${rest}` }
      const signIn = { notice: say.signIn(ports.pageUrl, pathOf(place), rest) }
      const workspace = workspaces.at(place.namespace, place.workspace)
      if (workspace?.owner !== place.owner) return signIn
      const own = sessionOf(request, workspace, place)
      const session = own && isForeign(request, origin) ? null : own
      const found = findIn(await workspaces.agentsOf(workspace), place)
      const share = found?.app?.share ?? 'owner'
      const verdict = judge({ level: levelOf(share, workspace.sharingMax), by, visitor: await visitorOf(session, workspace) })
      if (verdict === 'sign-in') return own && !session ? { notice: say.foreign() } : signIn
      if (verdict === 'forbidden') return { notice: say.forbidden() }
      if (verdict === 'own-host') return ownHost(outside(), place, found?.agent.name ?? '')
      const way = wayTo(ports, workspace, place, found)
      if (!('inside' in way)) return way
      const { inside, title } = way
      const dial = { ...dialOf(inside), agentId: way.agentId, actor: session?.user ?? '' }
      const face = { origin, base, inside, isOurToken }
      return { in: { workspace, place, session, dial, face, rest, title, share, by, cookie: renewed(session, base) } }
    },
    async stillIn({ workspace, session, share, by }) {
      const { subject } = workspace
      const now = workspaces.at(subject.namespace, subject.name)
      if (!now || now.subject.uid !== subject.uid || barred(subject) || (session && passes.hasEnded(session))) return false
      return judge({ level: levelOf(share, now.sharingMax), by, visitor: await visitorOf(session, now) }) === 'in'
    },
  }
}

/** Somebody may use it; whether there is anything to use. */
function wayTo(
  { barred, program, pageUrl }: AppsPorts,
  workspace: WorkspaceSeen,
  place: Place,
  found: Found | null,
): Answer | { readonly inside: URL; readonly title: string; readonly agentId: string } {
  const { subject } = workspace
  if (barred(subject)) return { notice: say.suspended(subject) }
  if (workspace.stopped) return { notice: say.stopped(workspace, program, pageUrl) }
  if (!found) return { notice: say.unknownApp(subject, place) }
  const { app, agent } = found
  if (app && (app.external || app.url === '')) return elsewhere(app, pageUrl)
  const inside = insideOf(app, place)
  if (!inside) return { notice: say.unusable(place) }
  return { inside, agentId: agent.id, title: app ? app.displayName || app.slug : `Port ${inside.port || '80'}` }
}

const dialOf = ({ hostname, port, protocol }: URL): Pick<Dial, 'target' | 'tls'> => ({
  target: `tcp:${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`,
  tls: protocol === 'https:',
})

function ownHost(outside: Outside, place: Place, agent: string): Answer {
  const host = hostOf(outside, { ...place, agent })
  return host === null ? { notice: say.needsHost() } : { redirect: `${addressOf(outside, place, agent, true).url}` }
}

/** As it is written in a header: what a template has in an address beyond that would begin another one. */
function elsewhere(app: AgentApp, pageUrl: string): Answer {
  const url = app.external && URL.canParse(app.url) ? new URL(app.url) : null
  return url && /^https?:$/.test(url.protocol) ? { redirect: url.href } : { notice: say.inTerminal(app, pageUrl) }
}

/** How the workspace itself reaches it; null: the template names no web address. */
function insideOf(app: AgentApp | null, { what }: Place): URL | null {
  if ('port' in what) return new URL(`http://localhost:${what.port}/`)
  const url = app && URL.canParse(app.url) ? new URL(app.url) : null
  return url && /^https?:$/.test(url.protocol) ? url : null
}

const ourToken =
  (token: string) =>
  (authorization: string): boolean => {
    const shown = authorization.replace(/^\S+\s+/, '').trim()
    return (
      [PASS_BEGINS, TOKEN_BEGINS].some((begin) => shown.startsWith(begin)) ||
      timingSafeEqual(Buffer.from(sha256(shown)), Buffer.from(sha256(token)))
    )
  }
