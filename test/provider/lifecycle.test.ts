import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { ProcessWanted } from '../../provider/port.ts'
import { until } from '../support/until.ts'
import { IDENTITY, recordingHost, type RecordingHost } from './host.ts'
import { terraformWith, type Terraform } from './terraform.ts'

const open: Terraform[] = []
const start = async (host: RecordingHost, main: string) => {
  const terraform = await terraformWith(host)
  open.push(terraform)
  await terraform.write(main)
  return terraform
}
afterEach(async () => {
  for (const terraform of open.splice(0)) await terraform.close()
})

const TEMPLATE = `
data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}
resource "coder_agent" "main" {
  os             = "linux"
  arch           = "amd64"
  startup_script = "echo hello"
  env            = { OWNER = data.coder_workspace_owner.me.name }
  display_apps {
    vscode = false
  }
  metadata {
    key      = "load"
    script   = "uptime"
    interval = 10
  }
}
resource "coder_app" "web" {
  agent_id = coder_agent.main.id
  slug     = "web"
  url      = "http://localhost:8080"
  healthcheck {
    url       = "http://localhost:8080"
    interval  = 5
    threshold = 3
  }
}
resource "coder_script" "prepare" {
  agent_id     = coder_agent.main.id
  display_name = "Prepare"
  script       = "true"
  run_on_start = true
}
resource "coder_env" "editor" {
  agent_id = coder_agent.main.id
  name     = "EDITOR"
  value    = "vi"
}
resource "coder_metadata" "about" {
  resource_id = coder_agent.main.id
  item {
    key   = "size"
    value = "small"
  }
  item {
    key = "zone"
  }
}
resource "bothy_process" "main" {
  count    = data.coder_workspace.me.start_count
  agent_id = coder_agent.main.id
  env      = { WORKSPACE = data.coder_workspace.me.name }
}
`

const UUID = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)

test('a template of every type is applied, found unchanged, refreshed and destroyed', async () => {
  const host = recordingHost()
  const terraform = await start(host, TEMPLATE)
  expect((await terraform.run('validate')).code).toEqual(0)
  await terraform.apply()
  const state = await terraform.state()
  expect(state.get('data.coder_workspace.me')).toEqual({
    id: IDENTITY.workspace.id,
    name: 'dev',
    transition: 'start',
    start_count: 1,
    access_url: 'http://127.0.0.1:7080',
    access_port: 7080,
    template_id: 'template-1',
    template_name: 'node',
    template_version: 'sha256:0123',
    is_prebuild: false,
    prebuild_count: 0,
    is_prebuild_claim: false,
  })
  expect(state.get('data.coder_workspace_owner.me')).toMatchObject({
    id: 'owner-1',
    name: 'ada',
    full_name: 'Ada Lovelace',
    email: 'ada@example.org',
    groups: ['makers', 'readers'],
  })
  const agent = state.get('coder_agent.main')!
  expect(agent).toMatchObject({
    id: UUID,
    token: UUID,
    auth: 'token',
    api_key_scope: 'all',
    connection_timeout: 120,
    startup_script_behavior: 'non-blocking',
    env: { OWNER: 'ada' },
    display_apps: [{ vscode: false, vscode_insiders: false, web_terminal: true, ssh_helper: true, port_forwarding_helper: true }],
  })
  expect(agent['init_script']).toContain(`BOTHY_AGENT_ID='${String(agent['id'])}'`)
  expect(agent['init_script']).not.toContain(agent['token'])
  expect(state.get('coder_app.web')).toMatchObject({ id: UUID, share: 'owner', open_in: 'slim-window', hidden: false, external: false })
  expect(state.get('coder_metadata.about')).toMatchObject({
    item: [
      { key: 'size', value: 'small', sensitive: false, is_null: false },
      { key: 'zone', value: '', sensitive: false, is_null: true },
    ],
  })
  expect(state.get('bothy_process.main[0]')).toEqual({
    agent_id: agent['id'],
    name: 'main',
    home: '/state/workspaces/home',
    env: { WORKSPACE: 'dev' },
    shell: null,
    pid: 1000,
    started_at: '2026-11-21T08:00:00Z',
  })
  expect(host.done).toEqual(['intent main', 'create main'])
  const told = {
    id: agent['id'],
    token: agent['token'],
    os: 'linux',
    arch: 'amd64',
    dir: '',
    env: { OWNER: 'ada' },
    startupScript: 'echo hello',
    shutdownScript: '',
    startupScriptBehavior: 'non-blocking',
    connectionTimeoutSeconds: 120,
  }
  expect(host.agents).toEqual([told])

  expect((await terraform.apply()).output).toContain('0 added, 0 changed, 0 destroyed')
  expect(host.agents).toEqual([told, told])
  expect((await terraform.run('plan', '-detailed-exitcode', '-input=false')).code).toEqual(0)
  expect((await terraform.apply('-refresh-only')).code).toEqual(0)
  expect(host.done).toEqual(['intent main', 'create main'])

  const leaving = recordingHost({ transition: 'destroy' }, host.world)
  await terraform.rehost(leaving)
  await terraform.apply('-destroy')
  expect(leaving.done).toEqual(['destroy main with its home'])
  expect(await terraform.state()).toEqual(new Map())
})

test('an agent keeps its id and token over stop, start, an update and another address of the control plane', async () => {
  const first = recordingHost()
  const terraform = await start(first, TEMPLATE)
  await terraform.apply()
  const { id, token } = (await terraform.state()).get('coder_agent.main')!

  const stop = recordingHost({ transition: 'stop' }, first.world)
  await terraform.rehost(stop)
  await terraform.apply()
  expect(stop.done).toEqual(['destroy main'])

  const again = recordingHost({ accessUrl: 'http://127.0.0.1:9999' }, first.world)
  await terraform.rehost(again)
  await terraform.write(TEMPLATE.replace('echo hello', 'echo changed').replace('vscode = false', 'vscode = true'))
  expect((await terraform.apply()).output).toContain('1 added, 1 changed, 0 destroyed')
  expect(again.done).toEqual(['intent main', 'create main'])
  const agent = (await terraform.state()).get('coder_agent.main')!
  expect(agent).toMatchObject({ id, token, startup_script: 'echo changed' })
  expect(agent['init_script']).toContain('http://127.0.0.1:9999')
  expect(again.agents.at(-1)).toMatchObject({ id, token, startupScript: 'echo changed' })
})

test('a machine that is gone is made again, and one that changed by hand is seen', async () => {
  const host = recordingHost()
  const terraform = await start(host, TEMPLATE)
  await terraform.apply()
  host.world.clear()
  expect((await terraform.apply()).output).toContain('1 added, 0 changed, 0 destroyed')
  expect(host.machinesSeen).toEqual([{ type: 'bothy_process', name: 'main', present: false }])
  expect(host.done).toEqual(['intent main', 'create main', 'intent main', 'create main'])
  const machine = host.world.get('main')!
  host.world.set('main', { ...machine, seen: { ...machine.seen, pid: 7 } })
  expect((await terraform.apply('-refresh-only')).output).toContain('pid')
  expect((await terraform.state()).get('bothy_process.main[0]')).toMatchObject({ pid: 7 })
})

test('another environment of a machine is an update; another home or name makes another machine', async () => {
  const host = recordingHost()
  const terraform = await start(host, TEMPLATE)
  await terraform.apply()
  host.done.length = 0
  await terraform.write(TEMPLATE.replace('WORKSPACE = ', 'PLACE = '))
  expect((await terraform.apply()).output).toContain('0 added, 1 changed, 0 destroyed')
  expect(host.done).toEqual(['intent main', 'update main'])
  expect((await terraform.state()).get('bothy_process.main[0]')).toMatchObject({ pid: 1001, env: { PLACE: 'dev' } })

  host.done.length = 0
  const moved = TEMPLATE.replace('env      = { WORKSPACE', 'home = "/elsewhere"\n  env = { WORKSPACE')
  await terraform.write(moved)
  expect((await terraform.apply()).output).toContain('1 added, 0 changed, 1 destroyed')
  expect(host.done).toEqual(['destroy main', 'intent main', 'create main'])

  host.done.length = 0
  await terraform.write(moved.replace('home = ', 'name = "second"\n  home = '))
  await terraform.apply()
  expect(host.done).toEqual(['destroy main', 'intent second', 'create second'])
})

test('terraform may be told to replace a machine', async () => {
  const host = recordingHost()
  const terraform = await start(host, TEMPLATE)
  await terraform.apply()
  await terraform.apply('-replace=bothy_process.main[0]')
  expect(host.done.slice(2)).toEqual(['destroy main', 'intent main', 'create main'])
})

test('what depends on something that is not made yet is unknown until then', async () => {
  const host = recordingHost()
  const terraform = await start(
    host,
    `
resource "terraform_data" "later" {
  input = "abc"
}
resource "bothy_agent" "main" {
  os   = "linux"
  arch = "arm64"
  dir  = terraform_data.later.id
  env  = { ID = terraform_data.later.id }
  dynamic "metadata" {
    for_each = toset([terraform_data.later.id == "" ? "a" : "b"])
    content {
      key      = metadata.value
      script   = "true"
      interval = 1
    }
  }
}
resource "bothy_process" "main" {
  agent_id = bothy_agent.main.id
  name     = "n-\${substr(terraform_data.later.output, 0, 3)}"
}
data "bothy_parameter" "late" {
  name    = "late"
  default = terraform_data.later.output
}
output "late" {
  value = data.bothy_parameter.late.value
}
`,
  )
  const { output } = await terraform.apply()
  expect(output).toContain('late = "abc"')
  const state = await terraform.state()
  expect(state.get('bothy_agent.main')).toMatchObject({ metadata: [{ key: 'b' }], env: { ID: state.get('terraform_data.later')!['id'] } })
  expect(host.done).toEqual(['intent n-abc', 'create n-abc'])
})

test('two builds at once each get their own identity', async () => {
  const names = ['one', 'two', 'three']
  const main = `data "coder_workspace" "me" {}\noutput "name" {\n  value = data.coder_workspace.me.name\n}`
  const seen = await Promise.all(
    names.map(async (name) =>
      (await start(recordingHost({ workspace: { id: name, name } }), main))
        .apply()
        .then(({ output }) => /name = "(\w+)"/.exec(output)?.[1]),
    ),
  )
  expect(seen).toEqual(names)
})

test('a canceled build stops waiting for its host, and makes nothing', async () => {
  const host = recordingHost()
  let asked = false
  const waiting = { ...host, reports: { ...host.reports, creating: () => new Promise<void>(() => (asked = true)) } }
  const terraform = await start(host, TEMPLATE)
  await terraform.rehost(waiting)
  const { child, ended } = terraform.start('apply', '-auto-approve', '-input=false', '-no-color')
  await until('the machine to be asked for', () => asked)
  child.kill('SIGINT')
  const { code, output } = await ended
  expect(code).toEqual(1)
  expect(output).toContain('The build was canceled before this was done.')
  expect(host.done).toEqual([])
  expect([...(await terraform.state()).keys()]).toContain('coder_agent.main')
})

test('a host that fails is told as an error of the resource, and what was there stays in the state', async () => {
  const host = recordingHost()
  const terraform = await start(host, TEMPLATE)
  await terraform.apply()
  const failing = recordingHost({ transition: 'stop' }, host.world)
  await terraform.rehost({
    ...failing,
    machines: { process: { ...failing.machines.process, destroy: () => Promise.reject(new Error('the machine does not end')) } },
  })
  const { code, output } = await terraform.run('apply', '-auto-approve', '-input=false', '-no-color')
  expect(code).toEqual(1)
  expect(output).toContain('the machine does not end')
  expect((await terraform.state()).has('bothy_process.main[0]')).toEqual(true)
})

test('the socket is for its owner alone and goes with the server', async () => {
  const terraform = await start(recordingHost(), '')
  const socket = join(terraform.folder, '..', '0.sock')
  expect((await stat(socket)).mode & 0o777).toEqual(0o600)
  await terraform.rehost(recordingHost())
  await expect(stat(socket)).rejects.toThrow('ENOENT')
})

test('what is being made is made to its end, though terraform was killed', async () => {
  const host = recordingHost()
  const gate = Promise.withResolvers<void>()
  const slow = {
    ...host,
    machines: {
      process: {
        ...host.machines.process,
        async create(wanted: ProcessWanted) {
          await gate.promise
          return host.machines.process.create(wanted)
        },
      },
    },
  }
  const terraform = await start(host, TEMPLATE)
  await terraform.rehost(slow)
  const { child, ended } = terraform.start('apply', '-auto-approve', '-input=false', '-no-color')
  await until('the machine to be intended', () => host.done.length === 1)
  child.kill('SIGKILL')
  await ended
  const closing = terraform.rehost(recordingHost()).then(() => host.done.push('closed'))
  gate.resolve()
  await closing
  expect(host.done).toEqual(['intent main', 'create main', 'closed'])
})

test('a template may name versions of the provider, configure it, and take our types from either name', async () => {
  const terraform = await terraformWith(recordingHost())
  open.push(terraform)
  await writeFile(
    join(terraform.folder, 'main.tf'),
    `
terraform {
  required_providers {
    coder = {
      source  = "coder/coder"
      version = "~> 2.1"
    }
  }
}
provider "coder" {}
provider "coder" {
  alias = "elsewhere"
  url   = "https://bothy.example"
}
data "coder_workspace" "here" {}
data "coder_workspace" "elsewhere" {
  provider = coder.elsewhere
}
resource "coder_agent" "main" {
  provider = coder.elsewhere
  os       = "linux"
  arch     = "amd64"
}
resource "bothy_process" "main" {
  provider = coder
  agent_id = coder_agent.main.id
}
`,
  )
  await terraform.apply()
  const state = await terraform.state()
  expect(state.get('data.coder_workspace.here')).toMatchObject({ access_url: 'http://127.0.0.1:7080', access_port: 7080 })
  expect(state.get('data.coder_workspace.elsewhere')).toMatchObject({ access_url: 'https://bothy.example', access_port: 443 })
  expect(state.get('coder_agent.main')!['init_script']).toContain("url='https://bothy.example'")
  expect(state.has('bothy_process.main')).toEqual(true)
})
