import { expect, test } from 'vitest'
import { agentsIn } from '../../controller/provision/manifest.ts'
import { machinesIn, parseState, type State } from '../../controller/provision/state.ts'

const resource = (
  type: string,
  name: string,
  attributes: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
) => ({
  mode: 'managed',
  type,
  name,
  instances: [{ attributes }],
  ...more,
})

function stateOf(resources: readonly unknown[], outputs: Readonly<Record<string, unknown>> = {}): State {
  const state = parseState(Buffer.from(JSON.stringify({ version: 4, serial: 3, lineage: 'l', outputs, resources })))
  if (!state) throw new Error('no state')
  return state
}

const AGENT = resource('coder_agent', 'Main', {
  id: 'a1',
  token: 't1',
  dir: '/src',
  env: { EDITOR: 'vi', ROOT: '/a' },
  startup_script: 'start',
  shutdown_script: '',
  startup_script_behavior: 'blocking',
  connection_timeout: 60,
  metadata: [
    { key: 'disk', display_name: 'Disk', script: 'df', interval: 60, timeout: 1, order: 2 },
    { key: 'load', display_name: null, script: 'uptime', interval: 5, timeout: null, order: 1 },
  ],
})

const PLAIN = { cron: null, timeoutSeconds: 0, logPath: '', blocksLogin: false }

/** The nearest is the machine: the volume's snapshot depends on the agent only by way of it. */
const DEPENDENTS = [
  resource('bothy_process', 'machine', {}, { instances: [{ attributes: {}, dependencies: ['coder_agent.Main'] }] }),
  resource('a_snapshot', 'later', {}, { instances: [{ attributes: {}, dependencies: ['bothy_process.machine', 'coder_agent.Main'] }] }),
]

test('an agent is told everything that its resources say, in order of their addresses', () => {
  const state = stateOf([
    AGENT,
    ...DEPENDENTS,
    resource('bothy_env', 'b', { agent_id: 'a1', name: 'ROOT', value: '/b', merge_strategy: 'append' }),
    resource('coder_env', 'a', { agent_id: 'a1', name: 'ROOT', value: '/first', merge_strategy: 'prepend' }),
    resource('coder_env', 'c', { agent_id: 'a1', name: 'EDITOR', value: 'nano', merge_strategy: null }),
    resource('coder_env', 'd', { agent_id: 'other', name: 'EDITOR', value: 'emacs' }),
    resource('coder_script', 'both', {
      agent_id: 'a1',
      display_name: 'Both',
      script: 'both',
      run_on_start: true,
      run_on_stop: true,
      timeout: 30,
      start_blocks_login: true,
    }),
    resource('coder_script', 'cron', {
      agent_id: 'a1',
      display_name: 'Cron',
      script: 'cron',
      cron: '0 * * * * *',
      run_on_start: true,
      log_path: 'cron.log',
    }),
    resource('bothy_app', 'b', { agent_id: 'a1', slug: 'web', url: 'http://localhost:80', order: 2, healthcheck: [] }),
    resource('coder_app', 'a', {
      agent_id: 'a1',
      slug: 'code',
      url: 'http://localhost:13337',
      display_name: 'Code',
      icon: '/icon/code.svg',
      share: 'authenticated',
      subdomain: true,
      order: 1,
      group: 'ides',
      open_in: 'tab',
      tooltip: 'Edit',
      healthcheck: [{ url: 'http://localhost:13337/healthz', interval: 5, threshold: 6 }],
    }),
    resource('coder_devcontainer', 'here', { agent_id: 'a1', workspace_folder: '/src', config_path: null }),
  ])
  expect(agentsIn(state)).toEqual([
    {
      id: 'a1',
      name: 'main',
      token: 't1',
      manifest: {
        dir: '/src',
        connectionTimeoutSeconds: 60,
        env: { EDITOR: 'nano', ROOT: '/first:/a:/b' },
        scripts: [
          { ...PLAIN, name: 'startup_script', script: 'start', on: 'start', blocksLogin: true },
          { ...PLAIN, name: 'Both', script: 'both', on: 'start', timeoutSeconds: 30, blocksLogin: true },
          { ...PLAIN, name: 'Both', script: 'both', on: 'stop', timeoutSeconds: 30 },
          { ...PLAIN, name: 'Cron', script: 'cron', on: 'start', logPath: 'cron.log' },
          { ...PLAIN, name: 'Cron', script: 'cron', on: 'cron', cron: '0 * * * * *', logPath: 'cron.log' },
        ],
        metadata: [
          { key: 'load', displayName: '', script: 'uptime', intervalSeconds: 5, timeoutSeconds: 0 },
          { key: 'disk', displayName: 'Disk', script: 'df', intervalSeconds: 60, timeoutSeconds: 1 },
        ],
        apps: [
          {
            slug: 'code',
            url: 'http://localhost:13337',
            command: '',
            healthcheck: { url: 'http://localhost:13337/healthz', intervalSeconds: 5, threshold: 6 },
            displayName: 'Code',
            icon: '/icon/code.svg',
            share: 'authenticated',
            subdomain: true,
            external: false,
            hidden: false,
            order: 1,
            group: 'ides',
            openIn: 'tab',
            tooltip: 'Edit',
          },
          {
            slug: 'web',
            url: 'http://localhost:80',
            command: '',
            healthcheck: null,
            displayName: '',
            icon: '',
            share: 'owner',
            subdomain: false,
            external: false,
            hidden: false,
            order: 2,
            group: '',
            openIn: 'slim-window',
            tooltip: '',
          },
        ],
        devcontainers: [{ name: 'here', workspaceFolder: '/src', configPath: '' }],
        resource: 'bothy_process.machine',
        complete: true,
      },
    },
  ])
})

test('a variable that may not be set twice says where it is', () => {
  const state = stateOf([AGENT, resource('coder_env', 'x', { agent_id: 'a1', name: 'EDITOR', value: 'nano', merge_strategy: 'error' })])
  expect(agentsIn(state)).toContain('coder_env.x sets the variable EDITOR')
})

test('two agents of one name are refused, and names that are no host names', () => {
  expect(agentsIn(stateOf([AGENT, resource('bothy_agent', 'main', { id: 'a2', token: 't2' })]))).toBe(
    'the agents coder_agent.Main and bothy_agent.main have the same name "main"',
  )
  expect(agentsIn(stateOf([resource('coder_agent', 'my_agent', { id: 'a2' })]))).toContain('"my_agent"')
})

test('two apps of one slug are refused, also where different agents have them', () => {
  const state = stateOf([
    AGENT,
    resource('coder_agent', 'gpu', { id: 'a2', token: 't2' }),
    resource('coder_app', 'x', { agent_id: 'a1', slug: 'code' }),
    resource('coder_app', 'y', { agent_id: 'a2', slug: 'code' }),
  ])
  expect(agentsIn(state)).toBe('the apps coder_app.x and coder_app.y have the same slug "code"')
})

test('machines are found, secret outputs and data sources are not', () => {
  const state = stateOf(
    [
      resource('bothy_process', 'x', { name: 'main' }),
      resource('coder_parameter', 'p', {}, { mode: 'data' }),
      resource(
        'terraform_data',
        'd',
        {},
        {
          instances: [
            { index_key: 'k', attributes: {} },
            { index_key: 0, attributes: {} },
          ],
          module: 'module.m',
        },
      ),
    ],
    { open: { value: 1, type: 'number' }, secret: { value: 's', type: 'string', sensitive: true } },
  )
  expect(machinesIn(state)).toEqual([{ type: 'bothy_process', name: 'main', present: true }])
  expect(state.outputs).toEqual({ open: 1 })
  expect(state.instances.map(({ address }) => address)).toEqual([
    'bothy_process.x',
    'module.m.terraform_data.d["k"]',
    'module.m.terraform_data.d[0]',
  ])
})

test.each(['', '{}', 'null', '{"version":3,"resources":[]}', '{"version":4,"resources":[', '[]'])('%j is no state', (text) => {
  expect(parseState(Buffer.from(text))).toBeNull()
})

test('outputs are shown unless they are secret or long', () => {
  const { outputs, longOutputs } = stateOf([], {
    url: { value: 'http://x', type: 'string' },
    none: { type: 'string' },
    secret: { value: 's', sensitive: true },
    long: { value: 'x'.repeat(10_000) },
  })
  expect({ outputs, longOutputs }).toEqual({ outputs: { url: 'http://x', none: null }, longOutputs: ['long'] })
})
