import { Refused, Transient } from '../kernel/errors.ts'
import type { AgentApp, Subject } from '../store/records.ts'
import type { Notice } from './pages.ts'
import { wordOf, type Place } from './place.ts'
import type { WorkspaceSeen } from './workspaces.ts'

/** Everything the apps' origin says by itself. */

export const nothingHere = (pageUrl: string): Notice => ({
  code: 404,
  title: 'There is nothing at this address',
  text: 'Apps of workspaces are opened from the list of workspaces.',
  link: { href: pageUrl, label: 'Show my workspaces' },
})

/** The same whether there is such an app or not. */
export const signIn = (pageUrl: string, path: string, rest: string): Notice => ({
  code: 401,
  title: 'Sign in to open this app',
  text: 'It is not open to everybody, or there is no such app.',
  link: { href: `${pageUrl}#open=${encodeURIComponent(path + rest.replace(/\?.*$/s, ''))}`, label: 'Go on with Bothy' },
})

export const foreign = (): Notice => ({
  code: 403,
  title: 'Another page may not use this app in your name',
  text: 'A page of another origin asked for this with your session. Open the app itself instead.',
})

export const forbidden = (): Notice => ({
  code: 403,
  title: 'This app is not shared with you',
  text: 'Its workspace belongs to somebody else.',
})

export const needsHost = (): Notice => ({
  code: 403,
  title: 'This app cannot be shared by this address',
  text: 'What is shared needs a host of its own. Whoever runs the control plane sets BOTHY_APPS_HOST, as *.apps.example.com.',
})

export const suspended = ({ name }: Subject): Notice => ({
  code: 403,
  title: `Workspace ${name} is closed`,
  text: 'Its owner is suspended: nobody enters it.',
})

export const stopped = ({ subject: { name, namespace }, stopped }: WorkspaceSeen, program: string, pageUrl: string): Notice => ({
  code: 503,
  title: `Workspace ${name} ${stopped === 'NotBuilt' ? 'was not built yet' : 'is stopped'}`,
  text: 'Its apps are there when it runs. Start it on its page, or with this command:',
  command: `${program} start ${name}${namespace === 'default' ? '' : ` -n ${namespace}`}`,
  link: { href: `${pageUrl}#workspace=${encodeURIComponent(`${namespace}/${name}`)}`, label: `Show ${name}` },
})

export const unknownApp = ({ name }: Subject, place: Place): Notice => ({
  code: 404,
  title: 'app' in place.what ? `Workspace ${name} has no app ${wordOf(place)}` : `Workspace ${name} has no such agent`,
  text:
    'app' in place.what
      ? 'Its template declares the apps it has; one that still starts may not have told them yet.'
      : 'Name the agent whose port is meant, as in dev.main.',
})

export const unusable = (place: Place): Notice => ({
  code: 502,
  title: `App ${wordOf(place)} has no web address`,
  text: 'Its template should give it a url that begins with http:// or https://.',
})

export const inTerminal = ({ displayName, slug }: AgentApp, pageUrl: string): Notice => ({
  code: 400,
  title: `${displayName || slug} is a command`,
  text: 'It opens in a terminal.',
  link: { href: pageUrl, label: 'Show my workspaces' },
})

export const busy = (): Notice => ({
  code: 503,
  title: 'Too much is open in this workspace',
  text: 'Close some of its pages, or wait for a moment.',
  retrySeconds: 5,
})

const RETRY_SECONDS = 3

/** What went wrong on the way to an app that may be used. */
export function failed(title: string, health: string | undefined, error: unknown): Notice {
  if (error instanceof TooSlow)
    return { code: 504, title: `${title} does not answer`, text: 'It took the request, and said nothing for too long.' }
  if (error instanceof Transient || (error instanceof Refused && /not connected|lost/.test(error.message)))
    return {
      code: 503,
      title: 'The workspace is out of reach for the moment',
      text: 'Its agent is not connected now. This page tries again by itself.',
      retrySeconds: RETRY_SECONDS,
    }
  const unhealthy = health === 'Unhealthy' ? ' Its health check fails too.' : health === 'Initializing' ? ' It is still starting.' : ''
  if (error instanceof Refused)
    return { code: 502, title: `${title} cannot be reached`, text: `${sentence(error.message)}${unhealthy}`, retrySeconds: RETRY_SECONDS }
  return { code: 502, title: `${title} gave no proper answer`, text: `What it sent is no HTTP, or broke off.${unhealthy}` }
}

export class TooSlow extends Error {}

const sentence = (text: string): string => {
  const begun = text.slice(0, 1).toUpperCase() + text.slice(1, 300)
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}
