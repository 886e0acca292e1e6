/** The API as the page uses it. The session is in this tab's memory and goes as a header: there is no cookie. */

const KEPT = 'bothy.session'
const PLACE = 'bothy.namespace'

export class Refusal extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/** Kept for a reload of this tab alone. */
export const session = {
  get token() {
    return sessionStorage.getItem(KEPT)
  },
  begin(token) {
    sessionStorage.setItem(KEPT, token)
  },
  end() {
    sessionStorage.removeItem(KEPT)
    sessionStorage.removeItem(PLACE)
  },
}

async function ask(method, path, { body, token = session.token, signal } = {}) {
  const answer = await fetch(path, {
    method,
    credentials: 'omit',
    cache: 'no-store',
    headers: {
      accept: 'application/json',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  })
  if (answer.ok) return answer
  const said = await answer.json().catch(() => ({}))
  throw new Refusal(answer.status, said.message ?? `the server answered ${answer.status}`)
}

export const read = async (path) => (await ask('GET', path)).json()
export const send = async (path, body = {}) => (await ask('POST', path, { body })).json()

/** A ticket of one use, or the token itself, which is forgotten at once. */
export async function signIn({ ticket, token }) {
  const answer = await ask('POST', '/bothy/v1/session', { body: ticket ? { ticket } : {}, token: token ?? null })
  session.begin((await answer.json()).token)
}

export async function signOut() {
  await ask('DELETE', '/bothy/v1/session').catch(() => {})
  session.end()
}

const GROUP = '/apis/bothy.dev/v1alpha1'
export const pathOf = ({ namespace, name }, sub = '') =>
  `${GROUP}/namespaces/${encodeURIComponent(namespace)}/workspaces/${encodeURIComponent(name)}${sub}`

/** In a cluster people have rights in namespaces: the page shows the one that it was opened for. Empty: all of them. */
export const showOnly = (namespace) => sessionStorage.setItem(PLACE, namespace)
const shown = () => {
  const namespace = sessionStorage.getItem(PLACE)
  return namespace ? `${GROUP}/namespaces/${encodeURIComponent(namespace)}/workspaces` : `${GROUP}/workspaces`
}

export const listWorkspaces = () => read(shown())
export const agentsOf = (ref) => read(pathOf(ref, '/agents'))
export const whyOf = (ref) => read(pathOf(ref, '/why'))
export const open = (ref, wish) => send(pathOf(ref, '/open'), wish)

const ANSWERED_LOOKS = 10
const ANSWERED_LOOK_MS = 400

/** Answers why it was not done; empty: it is being done. */
export async function request({ namespace, name }, action) {
  const requests = `${GROUP}/namespaces/${encodeURIComponent(namespace)}/workspacerequests`
  const { metadata } = await send(requests, {
    apiVersion: 'bothy.dev/v1alpha1',
    kind: 'WorkspaceRequest',
    metadata: { generateName: `${name.slice(0, 40)}-${action.toLowerCase()}-` },
    spec: { workspace: name, action },
  })
  for (let looks = 0; looks < ANSWERED_LOOKS; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, ANSWERED_LOOK_MS))
    const { status } = await read(`${requests}/${metadata.name}`)
    const refused = status?.conditions?.find(({ type, status: is }) => type === 'Succeeded' && is === 'False')
    if (status?.handledAt || refused) return refused?.message ?? ''
  }
  return ''
}

/** Every change after `version`, until the connection ends. */
export async function watch(version, onChange, signal) {
  const answer = await ask('GET', `${shown()}?watch=true&resourceVersion=${encodeURIComponent(version)}&allowWatchBookmarks=true`, {
    signal,
  })
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + value).split('\n')
    rest = lines.pop()
    for (const line of lines) if (line) onChange(JSON.parse(line))
  }
}

/** A browser sends no header with a WebSocket: it shows a ticket that is good once, for this path. */
export async function terminalSocket(ref, agent) {
  const path = pathOf(ref, '/terminal')
  const { ticket } = await send('/bothy/v1/tickets', { for: 'upgrade', path })
  const query = new URLSearchParams({ ticket, ...(agent ? { agent } : {}) })
  const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}?${query}`)
  socket.binaryType = 'arraybuffer'
  return socket
}
