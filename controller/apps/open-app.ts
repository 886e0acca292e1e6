import { Refused } from '../kernel/errors.ts'
import type { Subject } from '../store/records.ts'
import { judge, levelOf } from './access.ts'
import { addressOf, targetOf } from './addresses.ts'
import { ENTER_PATH } from './enter.ts'
import { pathOf, type Place } from './place.ts'
import type { AppsPorts, Outside } from './ports.ts'
import { findIn, type Workspaces } from './workspaces.ts'

export interface OpenWish {
  readonly subject: Subject
  readonly agent: string | null
  readonly what: Place['what']
  /** Where in it; begins with a slash. */
  readonly rest: string
  readonly user: string
  readonly groups: readonly string[]
  /** The session that asks; with it, what is opened ends. */
  readonly by: string
}

/** An address to go to, or a command for a terminal. */
export type Opened = { readonly url: string } | { readonly command: string; readonly agent: string }

/** Somebody who is known wants to use an app: the address has a ticket that is good once, for that app and a minute. */
export type OpenApp = (wish: OpenWish) => Promise<Opened>

export function opener({ passes, mayConnect, barred }: AppsPorts, workspaces: Workspaces, outside: Outside): OpenApp {
  return async ({ subject, agent, what, rest, user, groups, by }) => {
    const workspace = workspaces.at(subject.namespace, subject.name)
    if (!workspace) throw new Refused('NotFound', `workspaces.bothy.dev "${subject.name}" not found`)
    const refused = barred(subject)
    if (refused) throw refused
    if (workspace.stopped) {
      const how = workspace.stopped === 'NotBuilt' ? 'was not built yet' : 'is stopped'
      throw new Refused('Conflict', `Workspace ${subject.name} ${how}.`, { name: subject.name, kind: 'workspaces' })
    }
    const found = findIn(await workspaces.agentsOf(workspace), { agent, what })
    const word = 'app' in what ? `app ${what.app}` : `port ${what.port}`
    if (!found)
      throw new Refused('NotFound', `Workspace ${subject.name} has no ${word}${agent === null ? '' : ` of an agent ${agent}`} now.`)
    const { app } = found
    const level = levelOf(app?.share ?? 'owner', workspace.sharingMax)
    const visitor = { mayConnect: await mayConnect({ user, groups }, subject) }
    if (judge({ level, by: 'host', visitor }) !== 'in')
      throw new Refused('Forbidden', `The ${word} of workspace ${subject.name} is not shared with you.`)
    if (app?.external) return { url: externalUrl(app.url) }
    if (app?.command) {
      if (!visitor.mayConnect) throw new Refused('Forbidden', `The ${word} is a command, and you may not enter workspace ${subject.name}.`)
      return { command: app.command, agent: found.agent.name }
    }
    const place: Place = { owner: workspace.owner, namespace: subject.namespace, workspace: subject.name, agent, what }
    const ownHost = app === null || app.subdomain || level !== 'owner'
    const { url, place: bound } = addressOf(outside, place, found.agent.name, ownHost)
    const to = new URL(url)
    const path = to.pathname === '/' ? rest : pathOf(bound) + rest
    const ticket = passes.issue('AppTicket', { user, groups, target: targetOf(subject, bound), by })
    return { url: `${to.origin}${ENTER_PATH}?${new URLSearchParams({ ticket, to: path }).toString()}` }
  }
}

/** Links lead where people expect of links: never into a script. */
function externalUrl(url: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? ''
  if (scheme === '' || ['javascript', 'data', 'vbscript', 'file', 'blob', 'about'].includes(scheme))
    throw new Refused('BadRequest', 'The template gives this app an address that is no link.')
  return url
}
