import { existsSync, readFileSync, writeFileSync, mkdirSync, cpSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { root, temporaryHome, type Home, type Up } from '../support/bothy.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

/** A real control plane with a real workspace that has apps, and Debian's Chromium in front of it. */

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** null: it is here, or this is CI, where what is missing is a failure. */
export const whyNoBrowser = existsSync(CHROMIUM) || process.env['CI'] ? null : 'Chromium is not here: apt-get install chromium'

export async function browser(): Promise<Browser> {
  const launched = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  onTestFinished(() => launched.close())
  return launched
}

/** Its app is a small server of ours, started by the template's own script. */
export const APP_PORT_FILE = 'app-port'

export async function upWithApps(): Promise<{
  readonly home: Home
  readonly up: Up
  readonly url: string
  readonly appPort: number
  readonly again: () => Promise<Up>
}> {
  const home = temporaryHome({ BOTHY_APPS_PORT: '0' })
  const folder = join(home.folder, 'board')
  mkdirSync(folder)
  cpSync(join(import.meta.dirname, 'app'), folder, { recursive: true })
  const main = readFileSync(join(folder, 'main.tf'), 'utf8')
    .replaceAll('@NODE@', process.execPath)
    .replaceAll('@APP@', join(import.meta.dirname, 'app-server.mjs'))
  const [port, ownPort] = [await freePort(), String(await freePort())]
  writeFileSync(join(folder, 'main.tf'), main.replaceAll('@PORT@', String(port)))
  writeFileSync(
    join(home.folder, 'board.yaml'),
    [
      'apiVersion: bothy.dev/v1alpha1\nkind: Template\nmetadata: {name: board}\nspec:\n  displayName: Payments\n  sharing: {max: Public}\n  source: {type: Folder, folder: {path: ./board}}',
      'apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: payments}\nspec: {template: {name: board}}',
      'apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: docs}\nspec: {template: {name: hello}}',
      '',
    ].join('\n---\n'),
  )
  const up = await home.up('--port', ownPort)
  const url = readFileSync(join(home.state, 'url'), 'utf8').trim()
  await until(
    'the workspace to run',
    async () => (await home.run(['get', 'workspace/payments', '-o', 'json'])).stdout.includes('"state": "Running"'),
    {
      everyMs: 300,
    },
  )
  const stopped = await home.run(['stop', 'docs'])
  if (stopped.code !== 0) throw new Error(stopped.stderr)
  return { home, up, url, appPort: port, again: () => home.up('--port', ownPort) }
}

/** Signed in as `bothy open` does it. */
export async function signedIn(home: Home, context: BrowserContext) {
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
  page.on('pageerror', (error) => wrong.push(String(error)))
  const { stdout } = await home.run(['open', '--print'])
  await page.goto(stdout.trim())
  return { page, wrong }
}

export { root }
