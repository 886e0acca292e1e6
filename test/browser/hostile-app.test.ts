import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { browser, signedIn, upWithApps, whyNoBrowser } from './world.ts'

/** An app is anybody's code in the browser of somebody who is signed in: it must not be able to be them. */

const SCRIPT = readFileSync(join(import.meta.dirname, 'hostile-script.mjs'), 'utf8').replace(/^[\s\S]*?export /, '')

test.skipIf(whyNoBrowser)('a script of an app cannot call the API as whoever looks at it, whatever it tries', async () => {
  const { home, url, appPort } = await upWithApps()
  const context = await (await browser()).newContext()
  const { page } = await signedIn(home, context)
  const list = `${url}/apis/bothy.dev/v1alpha1/workspaces`
  await page.locator('[data-app="web"]', { hasText: 'healthy' }).waitFor()
  // The page itself may, or the rest would prove nothing.
  const token = await page.evaluate<string>(`sessionStorage.getItem('bothy.session')`)
  expect((await fetch(list, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)

  for (const slug of ['web', 'preview']) {
    const [tab] = await Promise.all([context.waitForEvent('page'), page.locator(`[data-app="${slug}"]`).click()])
    await tab.locator('h1', { hasText: 'An app' }).waitFor()
    expect(new URL(tab.url()).origin).not.toBe(url)
    const got = await tab.evaluate(`(${SCRIPT})(${JSON.stringify({ api: url, list, slug })})`)
    expect(got).toEqual({
      fetches: ['cors: failed', 'no-cors: opaque', 'post: failed', 'simple post: opaque', 'localhost: failed'],
      socket: 'closed',
      frame: 'nothing seen',
      window: 'nothing seen',
      storage: null,
      cookie: '',
      channel: 'nothing heard',
      worker: 'refused',
    })
    await tab.close()
  }

  // Nothing was done in anybody's name, and what the app was sent has nothing of ours.
  const requests = await home.json<{ items: { metadata: { name: string } }[] }>('get', 'workspacerequests')
  expect(requests.items.filter(({ metadata }) => metadata.name.startsWith('x-'))).toEqual([])
  const heard = await (await fetch(`http://127.0.0.1:${appPort}/heard`)).text()
  expect(heard).toContain('"x-forwarded-host"')
  for (const secret of [token, readFileSync(join(home.state, 'token'), 'utf8').trim(), 'bothy_', 'bothy-'])
    expect(heard).not.toContain(secret)
  // A session of the page is less than the token.
  const as = (path: string, init: RequestInit = {}) =>
    fetch(url + path, { ...init, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } }).then(
      ({ status }) => status,
    )
  expect(await as('/bothy/v1/down', { method: 'POST' })).toBe(403)
  expect(await as('/metrics')).toBe(403)
  expect(await as('/bothy/v1/tickets', { method: 'POST', body: '{"for":"page"}' })).toBe(403)
  expect(await as('/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev', { method: 'DELETE' })).toBe(403)
  expect(await as('/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev/files?op=read&path=.')).toBe(403)
  // And it ends when somebody says so.
  await page.locator('#leave').click()
  await page.locator('h1', { hasText: 'Sign in' }).waitFor()
  expect(await as('/version')).toBe(401)
})
