/** Runs in the app's page. Every way a script has to make a browser send something, or to look into another page. */
// It is sent to a browser whole, so what it needs is inside it.
/* oxlint-disable unicorn/consistent-function-scoping */
export async function tryEverything({ api, list, slug }) {
  const requests = `${api}/apis/bothy.dev/v1alpha1/namespaces/default/workspacerequests`
  const body = JSON.stringify({
    apiVersion: 'bothy.dev/v1alpha1',
    kind: 'WorkspaceRequest',
    metadata: { name: `x-${slug}` },
    spec: { workspace: 'dev', action: 'Stop' },
  })
  const how = async (name, to, init) => {
    try {
      const answer = await fetch(to, { credentials: 'include', ...init })
      return `${name}: ${answer.type === 'opaque' ? 'opaque' : answer.status}`
    } catch {
      return `${name}: failed`
    }
  }
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const fetches = [
    await how('cors', list, {}),
    await how('no-cors', list, { mode: 'no-cors' }),
    await how('post', requests, { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
    await how('simple post', requests, { method: 'POST', mode: 'no-cors', body }),
    await how('localhost', list.replace('127.0.0.1', 'localhost'), {}),
  ]
  const form = document.body.appendChild(document.createElement('form'))
  const sink = document.body.appendChild(document.createElement('iframe'))
  sink.name = 'sink'
  Object.assign(form, { action: requests, method: 'POST', enctype: 'text/plain', target: 'sink' })
  form.submit()
  const socket = await new Promise((resolve) => {
    const opened = new WebSocket(`${api.replace('http', 'ws')}/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev/terminal`)
    opened.addEventListener('open', () => resolve('open'))
    opened.addEventListener('error', () => resolve('closed'))
  })
  const look = (other) => {
    try {
      return other.document.body.innerText || 'nothing seen'
    } catch {
      return 'nothing seen'
    }
  }
  const frame = document.body.appendChild(document.createElement('iframe'))
  frame.src = `${api}/`
  const heardHere = []
  new BroadcastChannel('bothy').addEventListener('message', ({ data }) => heardHere.push(data))
  window.addEventListener('message', ({ data }) => heardHere.push(data))
  const opened = window.open(`${api}/`, 'another')
  await pause(1500)
  frame.contentWindow?.postMessage('give me the token', '*')
  const worker = await navigator.serviceWorker
    ?.register('/sw.js', { scope: '/' })
    .then(() => 'registered')
    .catch(() => 'refused')
  const result = {
    fetches,
    socket,
    frame: look(frame.contentWindow),
    window: look(opened),
    storage: sessionStorage.getItem('bothy.session'),
    cookie: document.cookie,
    channel: heardHere.length === 0 ? 'nothing heard' : JSON.stringify(heardHere),
    worker: worker ?? 'refused',
  }
  opened?.close()
  return result
}
