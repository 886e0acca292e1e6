import { isJsonObject, own } from '../../crds/schema/types.ts'
import { Refused } from '../kernel/errors.ts'
import { audit } from '../store/audit.ts'
import { answerJson } from './answer.ts'
import { expectMediaType, readJson } from './body.ts'
import { callerOf, refuseWithoutRight } from './guard.ts'
import type { BrowserPorts, Call, Caller, Handler, ResourceHandler } from './ports.ts'
import { targetOf } from './resource-path.ts'
import { existing } from './resources.ts'
import { wishOf } from './wish.ts'

/**
 * How a browser is let in. The page keeps what it has in the memory of its own tab and sends it as a header: there is no
 * cookie, so nothing that another page makes a browser send is anybody's word.
 *
 *   bothy open ─token─► POST /tickets ─► …/#ticket=… ─page─► POST /session ─► a session
 *   page ─session─► POST /tickets ─► WebSocket?ticket=…        page ─session─► POST …/open ─► the apps' origin ?ticket=…
 */

export const SESSION_PATH = '/bothy/v1/session'

/** All that a session of the page may do; whoever has the token may do more. */
const PAGE_MAY: readonly { readonly method: string; readonly path: RegExp }[] = [
  { method: 'GET', path: /^\/apis\/(?:bothy\.dev\/v1alpha1|events\.k8s\.io\/v1)\// },
  { method: 'GET', path: /^\/version$/ },
  { method: 'POST', path: /^\/apis\/bothy\.dev\/v1alpha1\/namespaces\/[^/]+\/workspacerequests$/ },
  { method: 'POST', path: /^\/apis\/bothy\.dev\/v1alpha1\/namespaces\/[^/]+\/workspaces\/[^/]+\/open$/ },
  { method: 'POST', path: /^\/bothy\/v1\/tickets$/ },
]

export function refuseBeyondPage(method: string, path: string): void {
  // Files of a workspace go through no page. Read as it will be: a name may be written in several ways.
  const isFiles = targetOf(path)?.subresource === 'files'
  if (!isFiles && PAGE_MAY.some((each) => each.method === method && each.path.test(path))) return
  throw new Refused('Forbidden', `a session of the page may not ${method} ${path}: use the token`)
}

function browserOf({ ports }: Call): BrowserPorts {
  if (ports.browser) return ports.browser
  throw new Refused('NotFound', 'this control plane serves no page')
}

async function fieldsOf(call: Call): Promise<(name: string) => string | null> {
  expectMediaType(call.request, 'application/json')
  const body = await readJson(call.request)
  if (!isJsonObject(body)) throw new Refused('BadRequest', 'the body must be a JSON object')
  return (name) => {
    const value = own(body, name)
    if (value === undefined || value === null) return null
    if (typeof value !== 'string' || value.length > FIELD_LENGTH_MAX) throw new Refused('BadRequest', `${name} must be a text`)
    return value
  }
}

const FIELD_LENGTH_MAX = 4096

/** A ticket, or the token itself, becomes a session of the page. */
export const beginSession: Handler = async (call) => {
  const { passes } = browserOf(call)
  const { ports, request, response } = call
  const ticket = (await fieldsOf(call))('ticket')
  const person = ticket === null ? await tokenHolder(call) : await passes.redeem('PageTicket', ticket)
  if (!person) throw new Refused('Unauthorized', 'this way in was used already, or is older than a minute: ask for a new one')
  const { user, groups } = person
  const token = passes.issue('Page', { user, groups, target: 'page', by: '' })
  const detail = { with: ticket === null ? 'token' : 'ticket' }
  await audit(ports.db, { actor: user, action: 'sign-in', subject: 'Page//', origin: request.socket.remoteAddress ?? '', detail })
  answerJson(response, 201, { token, user, until: passes.read('Page', token)?.until ?? 0 })
}

async function tokenHolder({ ports, request }: Call): Promise<Caller> {
  const caller = await callerOf(request, ports.authority, null)
  refuseMadeFor(caller.token)
  if (caller.session) throw new Refused('Forbidden', 'a session cannot make another')
  return caller
}

/** Whoever a token was made for is no browser, and may less than a session. */
function refuseMadeFor(token: string | null): void {
  if (token !== null) throw new Refused('Forbidden', 'a token that was made for a purpose makes no way in for browsers')
}

export const endSession: Handler = async (call) => {
  const { passes } = browserOf(call)
  const { session } = await callerOf(call.request, call.ports.authority, passes)
  if (session) await passes.end(session)
  answerJson(call.response, 200, { status: 'ok' })
}

/** `{"for": "page"}` for whoever has the token; `{"for": "upgrade", "path": …}` for the page too. */
export const makeTicket: Handler = async (call) => {
  const { passes, pageUrl } = browserOf(call)
  const { user, groups, session, token } = call.caller
  refuseMadeFor(token)
  const field = await fieldsOf(call)
  const by = session?.id ?? ''
  switch (field('for')) {
    case 'page': {
      if (session) throw new Refused('Forbidden', 'a session cannot make another')
      const ticket = passes.issue('PageTicket', { user, groups, target: 'page', by })
      return answerJson(call.response, 201, { url: `${pageUrl}#ticket=${ticket}` })
    }
    case 'upgrade': {
      const target = terminalIn(field('path'))
      await refuseWithoutRight(call.ports.authority, call.caller, wishOf('GET', target, new URLSearchParams(), true))
      return answerJson(call.response, 201, { ticket: passes.issue('UpgradeTicket', { user, groups, target, by }) })
    }
    default:
      throw new Refused('BadRequest', 'for must be page or upgrade')
  }
}

/** The page opens terminals and nothing else. */
function terminalIn(path: string | null): string {
  if (path !== null && /^\/apis\/bothy\.dev\/v1alpha1\/namespaces\/[^/]+\/workspaces\/[^/]+\/terminal$/.test(path)) return path
  throw new Refused('BadRequest', 'path must be that of a terminal')
}

/** `{"app": SLUG}` or `{"port": "8080"}`, and `agent`, `path`: where to go to use it. */
export const openApp: ResourceHandler = async (call, target) => {
  const { metadata } = await existing(call, target)
  const field = await fieldsOf(call)
  const [app, port, rest] = [field('app'), field('port'), field('path') ?? '/']
  if ((app === null) === (port === null)) throw new Refused('BadRequest', 'name an app or a port')
  const number = Number(port)
  if (port !== null && !(/^\d{1,5}$/.test(port) && number > 0 && number < 65_536))
    throw new Refused('BadRequest', 'port must be a number up to 65535')
  if (!/^\/(?![/\\])/.test(rest) || /\p{Cc}/u.test(rest)) throw new Refused('BadRequest', 'path must begin with one slash')
  const { user, groups, session, token } = call.caller
  refuseMadeFor(token)
  const opened = await browserOf(call).openApp({
    subject: { uid: metadata.uid, namespace: metadata.namespace ?? '', name: metadata.name },
    agent: field('agent'),
    what: app === null ? { port: number } : { app },
    rest,
    user,
    groups,
    by: session?.id ?? '',
  })
  answerJson(call.response, 201, opened)
}
