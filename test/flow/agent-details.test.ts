import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { COMPILED } from '../support/compiled.ts'
import { root, temporaryHome } from '../support/bothy.ts'
import { until } from '../support/until.ts'

/** From a template to what people are shown of its agent: apps, metadata, scripts on a schedule, log. */

/** The first example, with more in it. */
const METADATA = `
  metadata {
    key          = "load"
    display_name = "Load"
    script       = "echo 0.25"
    interval     = 1
    timeout      = 1
  }
`
const MORE = `
resource "coder_script" "begin" {
  agent_id     = coder_agent.main.id
  display_name = "begin"
  script       = "echo begun"
  run_on_start = true
}
resource "coder_script" "tick" {
  agent_id     = coder_agent.main.id
  display_name = "tick"
  script       = "echo tick"
  cron         = "* * * * * *"
}
resource "coder_app" "web" {
  agent_id     = coder_agent.main.id
  slug         = "web"
  display_name = "Web"
  url          = "http://localhost:9"
  share        = "authenticated"
}
resource "coder_app" "docs" {
  agent_id = coder_agent.main.id
  slug     = "docs"
  url      = "https://example.org/docs"
  external = true
}
`

interface Shown {
  readonly status: {
    readonly agents?: readonly { readonly name: string; readonly lifecycle: string; readonly apps?: readonly unknown[] }[]
  }
}

test('apps, metadata, schedules and the log of an agent, as its template has them', async () => {
  const home = temporaryHome()
  const file = join(home.folder, 'hello/main.tf')
  writeFileSync(file, readFileSync(file, 'utf8').replace('  startup_script =', `${METADATA}\n  startup_script =`) + MORE)
  await home.up()
  const ready = await until(
    'a ready agent with its apps',
    async () => {
      const [agent] = (await home.json<Shown>('get', 'workspace', 'dev')).status.agents ?? []
      return agent?.lifecycle === 'Ready' && agent.apps ? agent : null
    },
    { limitMs: 60_000, everyMs: 250 },
  )
  expect(ready.apps).toEqual([
    { slug: 'docs', health: 'Disabled', url: 'https://example.org/docs' },
    { slug: 'web', health: 'Disabled', url: '/@ada/dev/apps/web/' },
  ])

  const [url, token] = ['url', 'token'].map((name) => readFileSync(join(home.state, name), 'utf8').trim())
  const agents = `${url}/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev/agents`
  const item = await until('a value of metadata', async () => {
    const answer = await fetch(agents, { headers: { authorization: `Bearer ${token}` } })
    const { items } = (await answer.json()) as { items: readonly { metadata: readonly { value?: string }[] }[] }
    return items[0]?.metadata[0]?.value === undefined ? null : items[0]
  })
  expect(item).toMatchObject({
    name: 'main',
    status: 'Connected',
    metadata: [{ key: 'load', displayName: 'Load', value: '0.25', error: '' }],
    apps: [
      { slug: 'docs', external: true },
      { slug: 'web', displayName: 'Web', share: 'authenticated', health: 'Disabled' },
    ],
    stats: { connections: 0 },
  })
  expect(item).toHaveProperty('resource', expect.stringMatching(/^bothy_process\./))

  const env = { PATH: process.env['PATH'] ?? '', HOME: home.folder, BOTHY_STATE: home.state, NO_COLOR: '1', ...COMPILED }
  const follow = spawn(
    process.execPath,
    [join(root, 'cli/main.ts'), 'logs', 'dev', '-f', '--agent', 'main', '--source', 'tick', '-o', 'json'],
    { env },
  )
  onTestFinished(() => void follow.kill('SIGKILL'))
  let said = ''
  follow.stdout.on('data', (data: Buffer) => (said += data.toString()))
  const ticks = () => said.split('\n').filter((line) => line.includes('"text":"tick"')).length
  await until('a tick', () => ticks() > 0)
  const seen = ticks()
  await until('another, after the build has long ended', () => ticks() > seen)
  expect(said).not.toContain('begun')
  expect((await home.run(['logs', 'dev', '--source', 'begin'])).stdout).toContain('begun')
})
