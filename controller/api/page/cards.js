import { agentsOf, open, request, whyOf } from './api.js'
import { enter } from './dock.js'
import { el, toast } from './dom.js'

/** A workspace as a card: what it is, what it offers, and what can be done with it. */

const TONES = {
  Running: 'good',
  Failed: 'bad',
  AwaitingApproval: 'busy',
  Stopped: 'idle',
  Paused: 'idle',
  Dormant: 'idle',
  Expired: 'idle',
}
const toneOf = (state) => TONES[state] ?? 'busy'
const NOT_RUNNING = new Set(['Stopped', 'Dormant', 'Expired', 'Failed', 'Pending'])

export const refOf = ({ metadata }) => ({ namespace: metadata.namespace, name: metadata.name })
const readyOf = ({ status }) => status?.conditions?.find(({ type }) => type === 'Ready')

export function cardOf(workspace, details, named) {
  const { metadata, spec, status } = workspace
  const ref = refOf(workspace)
  const state = status?.state ?? 'Pending'
  const heading = `name-${metadata.uid}`
  return el(
    'section',
    { class: `card${named ? ' named' : ''}`, 'aria-labelledby': heading, 'data-workspace': `${ref.namespace}/${ref.name}` },
    el(
      'div',
      { class: 'head' },
      el('h2', { id: heading }, metadata.name),
      el('span', { class: `badge ${toneOf(state)}` }, words(state)),
      el('div', { class: 'actions' }, ...actions(ref, state)),
    ),
    el('p', { class: 'facts' }, ...facts(ref, spec, status)),
    reason(workspace, details),
    ...(details?.agents ?? []).map((agent) => agentOf(ref, agent, details.agents.length > 1)),
  )
}

const words = (state) => state.replaceAll(/([a-z])([A-Z])/g, '$1 $2')

const fact = (name, value) => (value ? el('span', {}, `${name} `, el('b', {}, value)) : null)

function facts(ref, spec, status) {
  const stops = status?.schedule?.stops?.split(' ')[0]
  return [
    fact('Template', spec.template.name),
    ref.namespace === 'default' ? null : fact('Namespace', ref.namespace),
    fact('Owner', status?.owner ?? spec.owner),
    fact('Stops', stops ? whenOf(stops) : ''),
    fact('Starts', status?.schedule?.nextStart && status?.state !== 'Running' ? whenOf(status.schedule.nextStart) : ''),
    status?.template?.outdated ? el('span', { class: 'busy' }, 'A newer version of its template is there') : null,
  ].filter((each) => each !== null)
}

function whenOf(iso) {
  const at = new Date(iso)
  const today = at.toDateString() === new Date().toDateString()
  return at.toLocaleString(undefined, today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' })
}

function reason(workspace, details) {
  const ready = readyOf(workspace)
  // That it is as wanted is what its badge says.
  const text = details?.why ?? (ready?.status === 'True' ? '' : (ready?.message ?? ''))
  if (text === '') return null
  return el('p', { class: `why${workspace.status?.state === 'Failed' ? ' loud' : ''}` }, text)
}

function actions(ref, state) {
  const ask = (action) => async (event) => {
    const button = event.currentTarget
    button.disabled = true
    try {
      const said = await request(ref, action)
      if (said !== '') toast(said)
    } catch (error) {
      toast(error.message)
      button.disabled = false
    }
  }
  if (state === 'Deleting') return []
  if (NOT_RUNNING.has(state)) return [el('button', { class: 'main', onclick: ask('Start') }, 'Start')]
  if (state === 'Running') return [el('button', { onclick: ask('Restart') }, 'Restart'), el('button', { onclick: ask('Stop') }, 'Stop')]
  return state === 'Stopping' ? [] : [el('button', { onclick: ask('Stop') }, 'Stop')]
}

const AGENT_TONES = { Connected: 'good', Connecting: 'busy', Disconnected: 'bad', Timeout: 'bad' }
const LIFE = {
  Starting: 'its start scripts run',
  StartError: 'a start script failed',
  StartTimeout: 'a start script took too long',
  ShuttingDown: 'it shuts down',
}

function agentOf(ref, agent, several) {
  const there = agent.status === 'Connected'
  const note = there ? LIFE[agent.lifecycle] : agent.message
  const name = several ? agent.name : null
  const apps = (agent.apps ?? []).filter(({ hidden }) => !hidden)
  return el(
    'div',
    { class: 'agent' },
    el(
      'div',
      { class: 'agent-head' },
      el('b', {}, agent.name),
      el('span', { class: `dot ${AGENT_TONES[agent.status] ?? 'idle'}` }, agent.status.toLowerCase()),
      note ? el('span', { class: 'dot-note' }, note) : null,
    ),
    el(
      'ul',
      { class: 'apps' },
      el(
        'li',
        {},
        el(
          'button',
          { class: 'app', disabled: !there, onclick: () => enter(ref, name) },
          el('span', { class: 'letter', 'aria-hidden': 'true' }, '>_'),
          el('span', { class: 'name' }, 'Terminal'),
        ),
      ),
      ...apps.map((app) => el('li', {}, appOf(ref, name, app, there))),
    ),
    (agent.metadata ?? []).length > 0 ? el('dl', { class: 'values' }, ...agent.metadata.map(valueOf)) : null,
  )
}

const HEALTH = { Healthy: ['good', 'healthy'], Unhealthy: ['bad', 'not healthy'], Initializing: ['busy', 'starting'] }

function appOf(ref, agent, app, there) {
  const title = app.displayName || app.slug
  const [tone, word] = HEALTH[app.health] ?? []
  const shared = app.share === 'owner' ? '' : app.share === 'public' ? 'public' : 'shared'
  const note = [word, shared, app.external ? 'link' : ''].filter(Boolean).join(' · ')
  return el(
    'button',
    {
      class: 'app',
      title: app.tooltip || null,
      disabled: !there && !app.external,
      'data-app': app.slug,
      onclick: () => openApp(ref, agent, app),
    },
    iconOf(app, title),
    el('span', {}, el('span', { class: 'name' }, title), note ? el('span', { class: `note ${tone ?? ''}` }, note) : null),
  )
}

function iconOf({ icon }, title) {
  const letter = () => el('span', { class: 'letter', 'aria-hidden': 'true' }, [...title][0]?.toUpperCase() ?? '?')
  if (!/^(https:\/\/|data:image\/)/.test(icon ?? '')) return letter()
  const image = el('img', { src: icon, alt: '', loading: 'lazy', referrerpolicy: 'no-referrer' })
  image.addEventListener('error', () => image.replaceWith(letter()))
  return image
}

/** The tab is opened at once, while the click still counts; it has no way back to this page. */
async function openApp(ref, agent, app) {
  const tab = app.command ? null : window.open('about:blank', '_blank')
  if (tab) tab.opener = null
  try {
    const opened = await open(ref, { app: app.slug, ...(agent ? { agent } : {}) })
    if (opened.command) return enter(ref, opened.agent, { command: opened.command, title: app.displayName || app.slug })
    if (tab) tab.location.replace(opened.url)
    else location.assign(opened.url)
  } catch (error) {
    tab?.close()
    toast(error.message)
  }
}

const valueOf = ({ key, displayName, value, error }) =>
  el(
    'div',
    { class: 'value' },
    el('dt', {}, displayName || key),
    el('dd', { class: error ? 'bad' : null, title: error || value || null }, error || value || '–'),
  )

/** What the object itself does not say. */
export async function detailsOf(workspace) {
  const ref = refOf(workspace)
  const settled = workspace.status?.state === 'Running' || workspace.status?.state === 'Stopped'
  const [agents, why] = await Promise.all([
    workspace.status?.power?.effective === 'Running' ? agentsOf(ref).then(({ items }) => items) : [],
    settled
      ? ''
      : whyOf(ref).then(
          ({ summary }) => summary,
          () => '',
        ),
  ])
  return { agents, why: why || undefined }
}
