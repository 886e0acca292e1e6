import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryHome, type Home } from '../support/bothy.ts'
import { until } from '../support/until.ts'

interface WhyJson {
  readonly summary: string
  readonly wants: string
  readonly reason: string
  readonly holds: string
  readonly until: string | null
}

const workspace = (name: string, lines: string, metadata = '') =>
  `apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}${metadata}}\nspec:\n  ${lines}\n`

/** Fails while it applies: no process can have its home there. */
const FAILING = `
terraform {
  required_providers {
    coder = { source = "coder/coder" }
    bothy = { source = "bothy/bothy" }
  }
}
data "coder_workspace" "me" {}
resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
resource "bothy_process" "main" {
  count    = data.coder_workspace.me.start_count
  agent_id = coder_agent.main.id
  home     = "/proc/none"
}
`

const why = (home: Home, name: string) => home.json<WhyJson>('why', `workspace/${name}`)
const whyWhen = (home: Home, name: string, isIt: (said: WhyJson) => boolean) =>
  until(
    `why workspace/${name}`,
    async () => {
      const said = await why(home, name)
      if (isIt(said)) return said
      throw new Error(JSON.stringify(said))
    },
    { everyMs: 100 },
  )

test('why names what holds a workspace, and until when', async () => {
  const home = temporaryHome()
  mkdirSync(join(home.folder, 'failing'))
  writeFileSync(join(home.folder, 'failing', 'main.tf'), FAILING)
  writeFileSync(
    join(home.folder, 'more.yaml'),
    [
      'apiVersion: bothy.dev/v1alpha1\nkind: Template\nmetadata: {name: failing}\nspec:\n  source: {type: Folder, folder: {path: ./failing}}\n',
      workspace('orphan', 'template: {name: nowhere}'),
      workspace('wrong', 'template: {name: hello}\n  parameters: {cpu: "2"}'),
      workspace('asleep', 'template: {name: hello}', ', annotations: {bothy.dev/paused: "true"}'),
      workspace('broken', 'template: {name: failing}'),
    ].join('---\n'),
  )
  const up = await home.up()
  expect((await home.run(['wait', 'workspace/dev', '--for', 'condition=Running', '--timeout', '90s'])).code).toBe(0)

  expect(await why(home, 'dev')).toMatchObject({ wants: 'as it is', holds: '', until: null, summary: expect.stringMatching(/running/) })
  expect(await why(home, 'orphan')).toMatchObject({ wants: 'running', holds: expect.stringMatching(/^TemplateMissing: .*nowhere/) })
  expect(await why(home, 'wrong')).toMatchObject({ wants: 'running', holds: expect.stringMatching(/^ParameterInvalid: .*cpu/) })
  expect(await why(home, 'asleep')).toMatchObject({ wants: 'as it is', reason: 'Paused', summary: expect.stringMatching(/paused/) })

  const retried = await whyWhen(home, 'broken', ({ holds }) => holds.startsWith('Retry'))
  expect(retried).toMatchObject({ wants: 'running', until: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+Z$/) })
  expect(retried.holds).toMatch(/main\.tf|home/)

  // A provisioner that stands still serves nobody, so the build that a person asks for stays where it is.
  const provisioner = home.processes().find(({ command }) => /controller\/main\.ts provisioner/.test(command))
  process.kill(provisioner?.pid ?? 0, 'SIGSTOP')
  const stopping = home.run(['stop', 'dev'])
  const building = await whyWhen(home, 'dev', ({ holds }) => /Stop build \d+ waits for a provisioner/.test(holds))
  expect(building).toMatchObject({ wants: 'stopped', reason: 'Requested' })
  process.kill(provisioner?.pid ?? 0, 'SIGCONT')
  expect((await stopping).code).toBe(0)
  expect(await up.end()).toBe(0)
})
