import { expect, test } from 'vitest'
import { agentsIn, machinesIn, parseState, type State } from '../../controller/provision/state.ts'

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
})

test('an agent is told everything that its resources say, in order of their addresses', () => {
  const state = stateOf([
    AGENT,
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
    resource('coder_script', 'cron', { agent_id: 'a1', display_name: 'Cron', script: 'cron', cron: '0 * * * * *' }),
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
          { name: 'startup_script', script: 'start', on: 'start', timeoutSeconds: 0, blocksLogin: true },
          { name: 'Both', script: 'both', on: 'start', timeoutSeconds: 30, blocksLogin: true },
          { name: 'Both', script: 'both', on: 'stop', timeoutSeconds: 30, blocksLogin: false },
        ],
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
