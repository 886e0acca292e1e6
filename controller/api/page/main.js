import { listWorkspaces, open, Refusal, session, showOnly, signIn, signOut, watch } from './api.js'
import { cardOf, detailsOf } from './cards.js'
import { el, toast } from './dom.js'

/** The list of workspaces, kept as it is now for as long as the page is open. */

const content = document.getElementById('content')
const link = document.getElementById('link')
const leave = document.getElementById('leave')
const REFRESH_MS = 5000
const BACK_MS = 1000

const world = new Map()
const details = new Map()
let named = ''

const keyOf = (workspace) => `${workspace.metadata.namespace}/${workspace.metadata.name}`
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

function said(text, lost = false) {
  link.textContent = text
  link.classList.toggle('lost', lost)
}

function showDoor(wrong = '') {
  session.end()
  leave.hidden = true
  said('')
  const field = el('input', { id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true })
  const problem = el('p', { class: 'wrong', role: 'alert' }, wrong)
  const enter = async (event) => {
    event.preventDefault()
    problem.textContent = ''
    try {
      await signIn({ token: field.value.trim() })
      field.value = ''
      await begin()
    } catch (error) {
      problem.textContent = error.message
      field.focus()
    }
  }
  content.replaceChildren(
    el(
      'form',
      { class: 'card door', onsubmit: enter },
      el('h1', {}, 'Sign in'),
      el('p', { class: 'lead' }, 'Type ', el('code', {}, 'bothy open'), ' in a terminal, or give the token here.'),
      el('label', { for: 'token' }, 'Token'),
      field,
      problem,
      el('button', { class: 'main' }, 'Sign in'),
    ),
  )
  field.focus()
}

let drawing = false
function draw() {
  if (drawing) return
  drawing = true
  requestAnimationFrame(() => {
    drawing = false
    // Whoever has signed out meanwhile sees the door, and nothing behind it.
    if (!session.token) return
    const list = [...world.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    const running = list.filter(({ status }) => status?.state === 'Running').length
    const focused = focusMark()
    content.replaceChildren(
      el('h1', {}, 'Workspaces'),
      el('p', { class: 'lead' }, list.length === 0 ? 'None is declared yet.' : `${list.length} declared, ${running} running`),
      ...list.map((workspace) => cardOf(workspace, details.get(keyOf(workspace)), named === keyOf(workspace))),
      ...(list.length === 0 ? [el('p', { class: 'empty' }, 'Declare one in a file, or make one: ', el('code', {}, 'bothy create'))] : []),
    )
    focused?.()
  })
}

/** Whoever is at a button stays there when the list is drawn anew. */
function focusMark() {
  const card = document.activeElement?.closest('[data-workspace]')
  if (!card) return null
  const [name, at] = [card.dataset.workspace, [...card.querySelectorAll('button')].indexOf(document.activeElement)]
  return () => {
    const again = document.querySelector(`[data-workspace="${CSS.escape(name)}"]`)
    again?.querySelectorAll('button').item(at)?.focus()
  }
}

async function look(workspace) {
  const key = keyOf(workspace)
  try {
    details.set(key, await detailsOf(workspace))
    draw()
  } catch (error) {
    if (error instanceof Refusal && error.code === 401) throw error
  }
}

let following = new AbortController()

async function follow() {
  following.abort()
  following = new AbortController()
  const { signal } = following
  while (!signal.aborted && session.token) {
    try {
      const { items, metadata } = await listWorkspaces()
      if (signal.aborted) return
      world.clear()
      for (const item of items) world.set(keyOf(item), item)
      said('up to date')
      draw()
      await Promise.all(items.map(look))
      await watch(metadata.resourceVersion, changed, signal)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof Refusal && error.code === 401) return showDoor('The session is over. Sign in again.')
    }
    said('The control plane is away. Coming back…', true)
    await pause(BACK_MS)
  }
}

function changed({ type, object }) {
  if (type === 'BOOKMARK') return
  if (type === 'ERROR') throw new Error('the watch is over')
  if (type === 'DELETED') world.delete(keyOf(object))
  else {
    world.set(keyOf(object), object)
    look(object).catch(() => {})
  }
  draw()
}

/** Values that agents say, and the health of apps, change without any object changing. */
async function refresh() {
  for (;;) {
    await pause(REFRESH_MS)
    if (document.hidden || !session.token) continue
    await Promise.all([...world.values()].filter(({ status }) => status?.state === 'Running').map(look)).catch(() => {})
  }
}

async function begin() {
  leave.hidden = false
  content.focus()
  const wish = wished
  wished = {}
  if (wish.open) await goTo(wish.open)
  void follow()
}

/** An app's address that somebody came from without being let in there: `/@owner/[namespace:]workspace[.agent]/apps/slug/…` */
async function goTo(path) {
  const parts = /^\/@[^/]+\/(?:([a-z0-9-]+):)?([a-z0-9-]+)(?:\.([A-Za-z0-9-]+))?\/(apps|ports)\/([^/]+)(\/.*)?$/.exec(path)
  if (!parts) return toast('This address names no app.')
  const [, namespace = 'default', name, agent, kind, what, rest = '/'] = parts
  try {
    const wish = { [kind === 'apps' ? 'app' : 'port']: what, path: rest, ...(agent ? { agent } : {}) }
    const opened = await open({ namespace, name }, wish)
    if (opened.url) location.assign(opened.url)
  } catch (error) {
    toast(error.message)
  }
}

/** What stands behind the # is never sent to a server; a ticket there is taken out of the address before it is used. */
function takeFragment() {
  const fragment = Object.fromEntries(new URLSearchParams(location.hash.slice(1)))
  if (fragment.ticket || fragment.open) history.replaceState(null, '', location.pathname)
  return fragment
}

leave.addEventListener('click', async () => {
  following.abort()
  await signOut()
  showDoor()
})

let wished = {}
async function main() {
  const { ticket, ...fragment } = takeFragment()
  wished = fragment
  named = fragment.workspace ?? ''
  if (ticket) {
    try {
      await signIn({ ticket })
      showOnly(fragment.namespace ?? '')
    } catch (error) {
      if (!session.token) return showDoor(error.message)
    }
  }
  if (!session.token) return showDoor()
  await begin()
}

window.addEventListener('hashchange', () => void main())
void refresh()
await main()
