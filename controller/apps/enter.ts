import type { IncomingMessage, ServerResponse } from 'node:http'
import { messageOf } from '../kernel/errors.ts'
import { keyOf } from '../kernel/names.ts'
import { audit } from '../store/audit.ts'
import { targetOf } from './addresses.ts'
import { sessionCookie } from './cookies.ts'
import type { Gate } from './gate.ts'
import { answerNotice } from './pages.ts'
import { wordOf } from './place.ts'
import type { AppsPorts, Outside } from './ports.ts'
import type { Workspaces } from './workspaces.ts'

/** A ticket becomes a session of one app, which is a cookie of this host and that app's path. One row of audit a session. */

export const ENTER_PATH = '/-/enter'

const SESSION_SECONDS = 3600

/** Of this host: browsers leave tabs and line ends out, and what is left may be the name of another. */
const isPath = (to: string): boolean => /^\/(?![/\\])/.test(to) && !/\p{Cc}/u.test(to)

export type Enter = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export function createEnter(ports: AppsPorts, gate: Gate, workspaces: Workspaces, outside: () => Outside): Enter {
  const { passes, db, log } = ports
  return async (request, response) => {
    const query = new URL(request.url ?? '/', 'http://apps').searchParams
    const to = query.get('to') ?? '/'
    const at = isPath(to) ? await gate.placeOf(request, to) : null
    const workspace = at && workspaces.at(at.place.namespace, at.place.workspace)
    const ticket = request.method === 'GET' && workspace ? passes.read('AppTicket', query.get('ticket') ?? '') : null
    // Looked at before it is used up: one that is meant for another place stays good there.
    const isForHere = at && workspace && ticket?.target === targetOf(workspace.subject, at.place)
    if (!isForHere || !(await passes.redeem('AppTicket', query.get('ticket') ?? ''))) {
      return answerNotice(request, response, {
        code: 403,
        title: 'This way in cannot be used any more',
        text: 'It is good once, and for a minute. Open the app again from the list of workspaces.',
        link: { href: ports.pageUrl, label: 'Show my workspaces' },
      })
    }
    const { user, groups, target, by } = ticket
    const session = passes.issue('App', { user, groups, target, by })
    const { agent } = at.place
    const origin = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    await audit(db, {
      actor: user,
      action: 'app',
      subject: keyOf('Workspace', workspace.subject.namespace, workspace.subject.name),
      origin,
      detail: { ['app' in at.place.what ? 'app' : 'port']: wordOf(at.place), agent },
    }).catch((error: unknown) => log.error('the session of an app could not be written to the audit', { error: messageOf(error) }))
    response.writeHead(303, {
      location: to,
      'set-cookie': sessionCookie(session, at.base === '' ? '/' : at.base, SESSION_SECONDS, outside().secure),
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-length': '0',
    })
    response.end()
  }
}
