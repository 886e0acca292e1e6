/** Configurations that are wrong, each in one way. `about` is what both have to speak of, whatever their words. */

export interface Snippet {
  readonly name: string
  readonly text: string
  readonly about: RegExp
}

const block = (head: string, ...lines: readonly string[]): string => `${head} {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`
const agent = (...lines: readonly string[]) => block('resource "coder_agent" "a"', 'os = "linux"', 'arch = "amd64"', ...lines)
const app = (...lines: readonly string[]) => block('resource "coder_app" "a"', 'agent_id = "x"', 'slug = "web"', ...lines)
const script = (...lines: readonly string[]) =>
  block('resource "coder_script" "s"', 'agent_id = "x"', 'display_name = "S"', 'script = "true"', ...lines)
const parameter = (...lines: readonly string[]) => block('data "coder_parameter" "p"', 'name = "p"', ...lines)
const option = (name: string, value: string) => ['option {', `  name = ${JSON.stringify(name)}`, `  value = ${JSON.stringify(value)}`, '}']
const preset = (...lines: readonly string[]) => block('data "coder_workspace_preset" "p"', 'name = "p"', ...lines)
const prebuilds = (...lines: readonly string[]) => preset('prebuilds {', '  instances = 1', ...lines, '}')
const scheduling = (timezone: string, ...crons: readonly string[]) =>
  prebuilds(
    'scheduling {',
    `  timezone = "${timezone}"`,
    ...crons.flatMap((cron) => ['  schedule {', `    cron = "${cron}"`, '    instances = 2', '  }']),
    '}',
  )

const AGENTS: readonly Snippet[] = [
  { name: 'agent-arch', text: block('resource "coder_agent" "a"', 'os = "linux"', 'arch = "x86"'), about: /arch.*amd64/s },
  { name: 'agent-os', text: block('resource "coder_agent" "a"', 'arch = "arm64"', 'os = "plan9"'), about: /os.*linux/s },
  {
    name: 'agent-metadata-interval',
    text: agent('metadata {', '  key = "k"', '  script = "s"', '  interval = -1', '}'),
    about: /interval/,
  },
  { name: 'agent-no-os', text: block('resource "coder_agent" "a"', 'arch = "arm64"'), about: /"os" is required/ },
  { name: 'agent-auth', text: agent('auth = "password"'), about: /auth.*token/s },
  { name: 'agent-scope', text: agent('api_key_scope = "some"'), about: /api_key_scope.*no_user_data/s },
  { name: 'agent-timeout', text: agent('connection_timeout = -1'), about: /connection_timeout.*at least/s },
  { name: 'agent-timeout-fraction', text: agent('connection_timeout = 1.5'), about: /whole number|Inappropriate|integer/i },
  { name: 'agent-behavior', text: agent('startup_script_behavior = "wait"'), about: /startup_script_behavior.*blocking/s },
  { name: 'agent-unknown-attribute', text: agent('login_before_ready = true'), about: /Unsupported argument/ },
  {
    name: 'agent-metadata-key-twice',
    text: agent(...['a', 'a'].flatMap((key) => ['metadata {', `  key = "${key}"`, '  script = "s"', '  interval = 1', '}'])),
    about: /key.*"a"/s,
  },
  { name: 'agent-metadata-no-interval', text: agent('metadata {', '  key = "k"', '  script = "s"', '}'), about: /"interval" is required/ },
  { name: 'agent-monitoring-empty', text: agent('resources_monitoring {', '}'), about: /resources_monitoring/ },
  {
    name: 'agent-monitoring-threshold',
    text: agent('resources_monitoring {', '  memory {', '    enabled = true', '    threshold = 101', '  }', '}'),
    about: /threshold.*100/s,
  },
  {
    name: 'agent-monitoring-relative',
    text: agent('resources_monitoring {', '  volume {', '    path = "home"', '    enabled = true', '    threshold = 1', '  }', '}'),
    about: /path.*absolute/s,
  },
  {
    name: 'agent-monitoring-twice',
    text: agent(
      'resources_monitoring {',
      ...[1, 2].flatMap((threshold) => ['  volume {', '    path = "/v"', '    enabled = true', `    threshold = ${threshold}`, '  }']),
      '}',
    ),
    about: /path.*"\/v"/s,
  },
  { name: 'agent-display-apps-twice', text: agent('display_apps {}', 'display_apps {}'), about: /display_apps/ },
]

const APPS: readonly Snippet[] = [
  { name: 'app-slug', text: block('resource "coder_app" "a"', 'agent_id = "x"', 'slug = "Web_1"'), about: /slug.*hyphens/s },
  { name: 'app-slug-hyphens', text: block('resource "coder_app" "a"', 'agent_id = "x"', 'slug = "a--b"'), about: /slug.*hyphens/s },
  { name: 'app-no-agent', text: block('resource "coder_app" "a"', 'slug = "a"'), about: /"agent_id" is required/ },
  { name: 'app-command-url', text: app('command = "top"', 'url = "http://x"'), about: /command.*url|url.*command/s },
  { name: 'app-command-subdomain', text: app('command = "top"', 'subdomain = true'), about: /command.*subdomain/s },
  {
    name: 'app-command-healthcheck',
    text: app('command = "top"', 'healthcheck {', '  url = "http://x"', '  interval = 1', '  threshold = 1', '}'),
    about: /command.*healthcheck|healthcheck.*command/s,
  },
  { name: 'app-external-share', text: app('url = "http://x"', 'external = true', 'share = "public"'), about: /external.*share/s },
  { name: 'app-external-subdomain', text: app('url = "http://x"', 'external = true', 'subdomain = true'), about: /external.*subdomain/s },
  { name: 'app-external-command', text: app('external = true', 'command = "top"'), about: /external.*command/s },
  { name: 'app-share', text: app('url = "http://x"', 'share = "everybody"'), about: /share.*authenticated/s },
  { name: 'app-open-in', text: app('url = "http://x"', 'open_in = "window"'), about: /open_in.*slim-window/s },
  { name: 'app-display-name', text: app('url = "http://x"', `display_name = "${'n'.repeat(65)}"`), about: /display.name.*64/s },
  { name: 'app-group', text: app('url = "http://x"', `group = "${'n'.repeat(65)}"`), about: /group.*64/s },
  { name: 'app-tooltip', text: app('url = "http://x"', `tooltip = "${'n'.repeat(2049)}"`), about: /tooltip.*2048/s },
  { name: 'app-icon', text: app('url = "http://x"', 'icon = "http://[::1"'), about: /url|parse/i },
  {
    name: 'app-healthcheck-no-threshold',
    text: app('healthcheck {', '  url = "http://x"', '  interval = 1', '}'),
    about: /"threshold" is required/,
  },
]

const SCRIPTS: readonly Snippet[] = [
  { name: 'script-never', text: script(), about: /run_on_start.*run_on_stop.*cron/s },
  {
    name: 'script-blocks-nothing',
    text: script('run_on_stop = true', 'start_blocks_login = true'),
    about: /start_blocks_login.*run_on_start/s,
  },
  { name: 'script-cron', text: script('cron = "every day"'), about: /cron|schedule/ },
  { name: 'script-cron-five', text: script('cron = "0 22 * * *"'), about: /cron/ },
  { name: 'script-cron-word', text: script('cron = "@daily"'), about: /cron/ },
  { name: 'script-cron-range', text: script('cron = "61 0 0 * * *"'), about: /cron/ },
  { name: 'script-timeout', text: script('run_on_start = true', 'timeout = 0'), about: /timeout.*at least/s },
  { name: 'env-name', text: block('resource "coder_env" "e"', 'agent_id = "x"', 'name = "1A"'), about: /name/ },
  {
    name: 'env-strategy',
    text: block('resource "coder_env" "e"', 'agent_id = "x"', 'name = "A"', 'merge_strategy = "join"'),
    about: /merge_strategy.*append/s,
  },
  {
    name: 'metadata-key-twice',
    text: block('resource "coder_metadata" "m"', 'resource_id = "x"', 'item {', '  key = "k"', '}', 'item {', '  key = "k"', '}'),
    about: /key.*"k"/s,
  },
  {
    name: 'devcontainer-folder',
    text: block('resource "coder_devcontainer" "d"', 'agent_id = "x"', 'workspace_folder = ""'),
    about: /workspace_folder.*empty/s,
  },
  { name: 'ai-task-nothing', text: block('resource "coder_ai_task" "t"'), about: /app_id.*(set|given)/s },
  { name: 'ai-task-uuid', text: block('resource "coder_ai_task" "t"', 'app_id = "web"'), about: /app_id.*uuid/is },
  {
    name: 'ai-task-both',
    text: block(
      'resource "coder_ai_task" "t"',
      'app_id = "22222222-3333-4444-8555-666666666666"',
      'sidebar_app {',
      '  id = "22222222-3333-4444-8555-666666666666"',
      '}',
    ),
    about: /app_id.*sidebar_app|sidebar_app.*app_id/s,
  },
  { name: 'external-auth-no-id', text: block('data "coder_external_auth" "x"'), about: /"id" is required/ },
  { name: 'external-auth-empty', text: block('data "coder_external_auth" "x"', 'id = ""'), about: /id.*(required|empty)/s },
]

const PARAMETERS: readonly Snippet[] = [
  { name: 'parameter-styling', text: parameter('styling = "{"'), about: /styling/ },
  { name: 'parameter-type', text: parameter('type = "int"'), about: /type.*string/s },
  { name: 'parameter-form', text: parameter('form_type = "wheel"'), about: /form_type/ },
  { name: 'parameter-form-unsuitable', text: parameter('form_type = "slider"'), about: /form_type/ },
  { name: 'parameter-form-error', text: parameter('form_type = "error"'), about: /form_type/ },
  {
    name: 'parameter-form-options',
    text: parameter('type = "number"', 'form_type = "slider"', ...option('One', '1')),
    about: /form_type.*slider/s,
  },
  {
    name: 'parameter-multi-select-free',
    text: parameter('type = "list(string)"', 'form_type = "multi-select"'),
    about: /form_type.*multi-select/s,
  },
  { name: 'parameter-option-name', text: parameter('default = "a"', ...option('A', 'a'), ...option('A', 'b')), about: /name.*"A"/s },
  { name: 'parameter-option-value', text: parameter('default = "a"', ...option('A', 'a'), ...option('B', 'a')), about: /value.*"a"/s },
  {
    name: 'parameter-option-type',
    text: parameter('type = "number"', 'default = "1"', ...option('A', '1'), ...option('B', 'two')),
    about: /number/,
  },
  { name: 'parameter-default-option', text: parameter('default = "c"', ...option('A', 'a')), about: /option|offer/ },
  { name: 'parameter-default-number', text: parameter('type = "number"', 'default = "many"'), about: /number/ },
  { name: 'parameter-default-bool', text: parameter('type = "bool"', 'default = "yes"'), about: /bool|true or false/ },
  { name: 'parameter-default-list', text: parameter('type = "list(string)"', 'default = "a,b"'), about: /list of strings/ },
  {
    name: 'parameter-default-multi-select',
    text: parameter('type = "list(string)"', 'form_type = "multi-select"', 'default = jsonencode(["a", "z"])', ...option('A', 'a')),
    about: /"z"/,
  },
  { name: 'parameter-ephemeral', text: parameter('ephemeral = true', 'default = "a"'), about: /ephemeral/ },
  { name: 'parameter-ephemeral-default', text: parameter('ephemeral = true', 'mutable = true'), about: /ephemeral.*default/s },
  { name: 'parameter-min', text: parameter('type = "number"', 'default = "1"', 'validation {', '  min = 2', '}'), about: /1.*2|2.*1/s },
  {
    name: 'parameter-max-error',
    text: parameter('type = "number"', 'default = "9"', 'validation {', '  max = 5', '  error = "{value} is over {max}"', '}'),
    about: /9 is over 5/,
  },
  { name: 'parameter-fraction', text: parameter('type = "number"', 'default = "1.5"', 'validation {', '  min = 1', '}'), about: /1\.5/ },
  { name: 'parameter-min-of-text', text: parameter('default = "a"', 'validation {', '  min = 1', '}'), about: /min.*string/s },
  {
    name: 'parameter-regex-of-number',
    text: parameter('type = "number"', 'default = "1"', 'validation {', '  regex = "1"', '  error = "e"', '}'),
    about: /regex.*number/s,
  },
  {
    name: 'parameter-regex-and-min',
    text: parameter('default = "a"', 'validation {', '  min = 1', '  regex = "a"', '  error = "e"', '}'),
    about: /regex.*min/s,
  },
  { name: 'parameter-regex-no-error', text: parameter('default = "a"', 'validation {', '  regex = "a"', '}'), about: /error/ },
  {
    name: 'parameter-regex-broken',
    text: parameter('default = "a"', 'validation {', '  regex = "("', '  error = "e"', '}'),
    about: /regex|regular expression/i,
  },
  {
    name: 'parameter-regex-unmatched',
    text: parameter('default = "b"', 'validation {', '  regex = "^a"', '  error = "begin with a"', '}'),
    about: /begin with a/,
  },
  {
    name: 'parameter-monotonic',
    text: parameter('type = "number"', 'default = "1"', 'validation {', '  monotonic = "upwards"', '}'),
    about: /increasing.*decreasing/s,
  },
  { name: 'parameter-icon', text: parameter('icon = "%zz"'), about: /url|parse/i },
  { name: 'parameter-validations', text: parameter('validation {}', 'validation {}'), about: /validation/ },
]

const PRESETS: readonly Snippet[] = [
  { name: 'preset-name', text: block('data "coder_workspace_preset" "p"', 'name = ""'), about: /name.*empty/s },
  { name: 'preset-description', text: preset(`description = "${'d'.repeat(129)}"`), about: /description.*128/s },
  { name: 'preset-icon', text: preset(`icon = "${'i'.repeat(257)}"`), about: /icon.*256/s },
  { name: 'preset-instances', text: preset('prebuilds {', '  instances = -1', '}'), about: /instances.*at least/s },
  { name: 'preset-ttl', text: prebuilds('expiration_policy {', '  ttl = 60', '}'), about: /ttl.*3600/s },
  { name: 'preset-ttl-long', text: prebuilds('expiration_policy {', '  ttl = 31536001', '}'), about: /ttl.*31536000/s },
  { name: 'preset-timezone', text: scheduling('Mars/Olympus', '* 8 * * *'), about: /Mars\/Olympus/ },
  { name: 'preset-no-schedule', text: scheduling('UTC'), about: /schedule/ },
  { name: 'preset-cron-minute', text: scheduling('UTC', '30 8 * * *'), about: /30 8|minute/ },
  { name: 'preset-cron-fields', text: scheduling('UTC', '* 8 * *'), about: /fields/ },
  { name: 'preset-cron-hour', text: scheduling('UTC', '* 25 * * *'), about: /25/ },
  { name: 'preset-overlap', text: scheduling('UTC', '* 8-12 * * 1-5', '* 12-14 * * 5'), about: /overlap/ },
]

export const SNIPPETS: readonly Snippet[] = [...AGENTS, ...APPS, ...SCRIPTS, ...PARAMETERS, ...PRESETS]
