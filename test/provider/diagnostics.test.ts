import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordingHost } from './host.ts'
import { REQUIRED, terraformWith, type Terraform } from './terraform.ts'

let terraform: Terraform
beforeAll(async () => {
  terraform = await terraformWith(recordingHost())
})
afterAll(() => terraform.close())

const FIRST_LINE = REQUIRED.split('\n').length

interface Told {
  readonly severity: string
  readonly summary: string
  readonly detail: string
  /** The line of the template below, and what stands there. */
  readonly at: string
}

/** What terraform makes of the provider's diagnostics, with the line of the template each is about. */
async function told(main: string, command: readonly string[] = ['validate', '-json']): Promise<readonly Told[]> {
  await terraform.write(main)
  const { output } = await terraform.run(...command)
  const diagnostics: readonly {
    severity: string
    summary: string
    detail?: string
    range?: { start: { line: number } }
  }[] =
    command[0] === 'validate'
      ? JSON.parse(output).diagnostics
      : output
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
          .flatMap((line) => (line.type === 'diagnostic' ? [line.diagnostic] : []))
  const lines = main.split('\n')
  return diagnostics.map(({ severity, summary, detail, range }) => ({
    severity,
    summary,
    detail: detail ?? '',
    at: range ? (lines[range.start.line - FIRST_LINE] ?? '').trim() : '',
  }))
}

const AGENT = (inside: string) => `resource "coder_agent" "main" {\n  os = "linux"\n  arch = "amd64"\n${inside}\n}`
const APP = (inside: string) => `resource "coder_app" "web" {\n  agent_id = "x"\n  slug = "web"\n${inside}\n}`
const PROCESS = (inside: string) => `resource "bothy_process" "main" {\n  agent_id = "x"\n${inside}\n}`
const SCRIPT = (inside: string) => `resource "coder_script" "s" {\n  agent_id = "x"\n  display_name = "S"\n  script = "true"\n${inside}\n}`
const PARAMETER = (inside: string) => `data "coder_parameter" "p" {\n  name = "p"\n${inside}\n}`
const OPTION = (name: string, value: string) => `  option {\n    name = "${name}"\n    value = "${value}"\n  }`

const PREBUILDS = (inside: string) =>
  `data "coder_workspace_preset" "p" {\n  name = "p"\n  prebuilds {\n    instances = 1\n${inside}\n  }\n}`
const SCHEDULING = (timezone: string, ...crons: readonly string[]) => {
  const schedules = crons.map((cron) => `      schedule {\n        cron = "${cron}"\n        instances = 2\n      }`)
  return `    scheduling {\n      timezone = "${timezone}"\n${schedules.join('\n')}\n    }`
}

test.each<[string, string, string, string]>([
  [
    'an architecture',
    'resource "coder_agent" "a" {\n  os = "linux"\n  arch = "x86"\n}',
    'arch = "x86"',
    '"arch" must be one of "amd64", "armv7", "arm64", not "x86".',
  ],
  ['a negative timeout', AGENT('  connection_timeout = -1'), 'connection_timeout = -1', '"connection_timeout" must be at least 0, not -1.'],
  ['a url', APP('  icon = "http://[::1"'), 'icon = "http://[::1"', '"icon" must be a url, not "http://[::1".'],
  [
    'a key used twice',
    AGENT(
      '  metadata {\n    key = "a"\n    script = "b"\n    interval = 1\n  }\n  metadata {\n    key = "a"\n    script = "c"\n    interval = 1\n  }',
    ),
    'key = "a"',
    'Each metadata needs its own key; "a" is there more than once.',
  ],
  [
    'nothing to monitor',
    AGENT('  resources_monitoring {\n  }'),
    'resources_monitoring {',
    'resources_monitoring needs a memory or a volume block.',
  ],
  [
    'a threshold',
    AGENT('  resources_monitoring {\n    memory {\n      enabled = true\n      threshold = 101\n    }\n  }'),
    'threshold = 101',
    '"threshold" must be between 0 and 100, not 101.',
  ],
  [
    'a relative volume',
    AGENT('  resources_monitoring {\n    volume {\n      path = "home"\n      enabled = true\n      threshold = 10\n    }\n  }'),
    'volume {',
    '"path" must be an absolute path (^/), not "home".',
  ],
  [
    'a slug',
    'resource "coder_app" "web" {\n  agent_id = "x"\n  slug = "Web-"\n}',
    'slug = "Web-"',
    '"slug" must be lower-case letters and digits, with single hyphens between them (^[a-z0-9](-?[a-z0-9])*$), not "Web-".',
  ],
  [
    'a command and a url',
    APP('  command = "top"\n  url = "http://x"'),
    'command = "top"',
    '"command" cannot be given together with "url".',
  ],
  [
    'an external app that is shared',
    APP('  external = true\n  share = "public"'),
    'external = true',
    '"external" cannot be given together with "share".',
  ],
  [
    'a sharing level',
    APP('  share = "everybody"'),
    'share = "everybody"',
    '"share" must be one of "owner", "authenticated", "public", not "everybody".',
  ],
  [
    'a long name',
    APP(`  display_name = "${'n'.repeat(65)}"`),
    `display_name = "${'n'.repeat(65)}"`,
    '"display_name" must have at most 64 characters, not 65.',
  ],
  [
    'a script that never runs',
    SCRIPT(''),
    'resource "coder_script" "s" {',
    'At least one of run_on_start, run_on_stop and cron must be set.',
  ],
  [
    'a login that waits for nothing',
    SCRIPT('  run_on_stop = true\n  start_blocks_login = true'),
    'start_blocks_login = true',
    'start_blocks_login needs run_on_start.',
  ],
  ['a timeout of nothing', SCRIPT('  run_on_stop = true\n  timeout = 0'), 'timeout = 0', '"timeout" must be at least 1, not 0.'],
  [
    'a variable',
    'resource "coder_env" "e" {\n  agent_id = "x"\n  name = "A-B"\n}',
    'name = "A-B"',
    '"name" must be a name of a variable (^[a-zA-Z_][a-zA-Z0-9_]*$), not "A-B".',
  ],
  [
    'a name of a machine',
    PROCESS('  name = "Main"'),
    'name = "Main"',
    '"name" must be lower-case letters, digits and hyphens, at most 32 (^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$), not "Main".',
  ],
  [
    'a variable of a machine',
    PROCESS('  env = { "A=B" = "c" }'),
    'env = { "A=B" = "c" }',
    '"env" must have names of variables (^[a-zA-Z_][a-zA-Z0-9_]*$), not "A=B".',
  ],
  ['a relative home', PROCESS('  home = "here"'), 'home = "here"', '"home" must be an absolute path (^/), not "here".'],
  [
    'a type of parameter',
    PARAMETER('  type = "int"'),
    'type = "int"',
    '"type" must be one of "string", "number", "bool", "list(string)", not "int".',
  ],
  [
    'a form type',
    PARAMETER('  type = "bool"\n  form_type = "slider"'),
    'form_type = "slider"',
    'A parameter of type bool without options takes checkbox or switch, not "slider".',
  ],
  [
    'a form type that is none',
    PARAMETER('  form_type = "error"'),
    'form_type = "error"',
    'A parameter of type string without options takes input or textarea, not "error".',
  ],
  [
    'a default of another type',
    PARAMETER('  type = "number"\n  default = "two"'),
    'default = "two"',
    'parameter "p" must be a number, not "two".',
  ],
  [
    'a default that is no option',
    PARAMETER(`  default = "c"\n${OPTION('A', 'a')}`),
    'default = "c"',
    'parameter "p" does not offer "c"; it offers "a".',
  ],
  [
    'a default out of bounds',
    PARAMETER('  type = "number"\n  default = "9"\n  validation {\n    max = 8\n  }'),
    'default = "9"',
    'parameter "p" must be at most 8, not 9.',
  ],
  [
    'an option of another type',
    PARAMETER(`  type = "number"\n${OPTION('A', 'a')}`),
    'value = "a"',
    'parameter "p" must be a number, not "a".',
  ],
  [
    'two options of one value',
    PARAMETER(`${OPTION('A', 'a')}\n${OPTION('B', 'a')}`),
    'value = "a"',
    'Each option needs its own value; "a" is there more than once.',
  ],
  [
    'an ephemeral parameter that is fixed',
    PARAMETER('  ephemeral = true\n  default = "a"'),
    'ephemeral = true',
    'It is asked for at each build: set mutable = true.',
  ],
  [
    'an ephemeral parameter without a default',
    PARAMETER('  ephemeral = true\n  mutable = true'),
    'ephemeral = true',
    'Builds that nobody asked for take the default.',
  ],
  ['bounds of a string', PARAMETER('  validation {\n    min = 1\n  }'), 'min = 1', '"min" is for parameters of type number, not string.'],
  [
    'a regex of a number',
    PARAMETER('  type = "number"\n  validation {\n    regex = "a"\n    error = "no"\n  }'),
    'regex = "a"',
    '"regex" is for parameters of type string, not number.',
  ],
  [
    'a regex without an error',
    PARAMETER('  validation {\n    regex = "a"\n  }'),
    'regex = "a"',
    'Say in "error" what people should write: nobody reads a regex.',
  ],
  ['styling', PARAMETER('  styling = "{"'), 'styling = "{"', '"styling" must be JSON, not "{".'],
  [
    'a long description',
    `data "coder_workspace_preset" "p" {\n  name = "p"\n  description = "${'d'.repeat(129)}"\n}`,
    `description = "${'d'.repeat(129)}"`,
    '"description" must have at most 128 characters, not 129.',
  ],
  [
    'a life of a prebuilt workspace',
    PREBUILDS('    expiration_policy {\n      ttl = 60\n    }'),
    'ttl = 60',
    '"ttl" must be between 3600 and 31536000, not 60.',
  ],
  [
    'a time zone',
    PREBUILDS(SCHEDULING('Mars/Base', '* 8-18 * * 1-5')),
    'timezone = "Mars/Base"',
    '"timezone" must be a time zone such as Europe/Berlin, not "Mars/Base".',
  ],
  [
    'a schedule of minutes',
    PREBUILDS(SCHEDULING('UTC', '0 8 * * 1-5')),
    'cron = "0 8 * * 1-5"',
    '"cron" must have five fields, of which the first is *, not "0 8 * * 1-5".',
  ],
  [
    'overlapping schedules',
    PREBUILDS(SCHEDULING('UTC', '* 8-18 * * 1-5', '* 18 1 * fri')),
    'cron = "* 18 1 * fri"',
    '"* 18 1 * fri" names hours that "* 8-18 * * 1-5" names too.',
  ],
  ['the url of the provider', 'provider "coder" {\n  url = ""\n}\ndata "coder_workspace" "me" {}', 'url = ""', '"url" must not be empty.'],
])('%s that is wrong is told with its line', async (_, main, at, detail) => {
  expect(await told(main)).toEqual([{ severity: 'error', summary: expect.any(String), detail, at }])
})

test.each<[string, string, readonly string[]]>([
  ['a folder of an agent', AGENT('  dir = "/work"'), ['dir = "/work"']],
  ['a hidden app with a name', APP('  hidden = true\n  display_name = "Web"'), ['hidden = true']],
])('%s is only warned about', async (_, main, at) => {
  const seen = await told(main)
  expect(seen.map((each) => [each.severity, each.at])).toEqual(at.map((line) => ['warning', line]))
})

test('a schedule of five fields is refused, and told how to mend it', async () => {
  expect(await told(SCRIPT('  cron = "0 9 * * 1"'))).toEqual([
    {
      severity: 'error',
      summary: 'Invalid cron',
      detail: '"cron" must have six fields, seconds first, not "0 9 * * 1".',
      at: 'cron = "0 9 * * 1"',
    },
    {
      severity: 'warning',
      summary: 'A schedule without seconds',
      detail: 'Put a field for seconds first: "0 0 9 * * 1".',
      at: 'cron = "0 9 * * 1"',
    },
  ])
})

test('schedules that do not meet are fine, and so is everything else of a preset', async () => {
  const inside = `    expiration_policy {\n      ttl = 86400\n    }\n${SCHEDULING('Europe/Berlin', '* 8-18 * * 1-5', '* 8-18 * * 0,6', '* 19-23 * * *')}`
  expect(await told(PREBUILDS(inside))).toEqual([])
})

test('what is not known yet is not judged', async () => {
  const main = `variable "any" {\n  type = string\n}\n${PARAMETER('  type = "number"\n  default = var.any\n  validation {\n    min = 1\n  }')}\n${APP('  share = var.any')}`
  expect(await told(main)).toEqual([])
})

test('a wrong value of a parameter is told with the line of its name', async () => {
  await terraform.rehost(recordingHost({ parameters: new Map([['p', '12']]) }))
  const main = PARAMETER('  type = "number"\n  validation {\n    max = 8\n    error = "{value} is more than {max}"\n  }')
  expect(await told(main, ['plan', '-json', '-input=false'])).toEqual([
    { severity: 'error', summary: 'Invalid parameter', detail: 'parameter "p": 12 is more than 8.', at: 'name = "p"' },
  ])
})

test('two machines of one name are refused when they are planned', async () => {
  const main = PROCESS('').replace('"main"', '"one"') + '\n' + PROCESS('').replace('"main"', '"two"')
  const seen = await told(main, ['plan', '-json', '-input=false'])
  expect(seen.map(({ summary, detail }) => ({ summary, detail }))).toEqual([
    { summary: 'Machine name in use', detail: 'Two machines of one workspace cannot both be called "main": give each a name of its own.' },
  ])
})

test('a second machine of the name of one that is there is refused before it is made', async () => {
  const host = recordingHost()
  await terraform.rehost(host)
  await terraform.write(PROCESS(''))
  await terraform.apply()
  await terraform.write(`${PROCESS('')}\n${PROCESS('  env = {}').replace('"main"', '"two"')}`)
  const { code, output } = await terraform.run('apply', '-auto-approve', '-input=false', '-no-color')
  expect(code).toEqual(1)
  expect(output).toContain('cannot both be called "main"')
  expect(host.done).toEqual(['intent main', 'create main'])
})

test('nothing of ours can be imported', async () => {
  await terraform.write(AGENT(''))
  const { code, output } = await terraform.run('import', '-no-color', '-input=false', 'coder_agent.main', 'some-id')
  expect(code).toEqual(1)
  expect(output.replace(/\s+/g, ' ')).toContain('A coder_agent belongs to one workspace and is made with it; it cannot be imported.')
})
