import { computed, defaultsOf, optional, required, type Block, type Entry } from './model.ts'
import { between, given, matching, oneOf, problem, repeated, warning, whole } from './rules.ts'

const shown = (what: string, otherwise: boolean) => optional('bool', `Whether ${what} is shown.`, { default: otherwise })

const DISPLAY_APPS: Block = {
  description: 'Which applications of ours are shown; without this block each as its default says.',
  attributes: {
    vscode: shown('VS Code', true),
    vscode_insiders: shown('VS Code Insiders', false),
    web_terminal: shown('the terminal in the browser', true),
    ssh_helper: shown('how to connect by ssh', true),
    port_forwarding_helper: shown('the list of ports', true),
  },
}

const ENABLED = required('bool', 'Whether this is watched.')
const THRESHOLD = required('number', 'Percentage of use from which somebody is told.', { rules: [whole, between(0, 100)] })

const METADATA: Block = {
  description: 'A value that is read in the workspace again and again, and shown.',
  attributes: {
    key: required('string', 'Names the value; each agent has a key once.'),
    display_name: optional('string', 'What people read in place of the key.'),
    script: required('string', 'Prints the value.'),
    interval: required('number', 'Seconds from one reading to the next.', { rules: [whole, between(0, Infinity)] }),
    timeout: optional('number', 'Seconds a reading may take.', { rules: [whole, between(0, Infinity)] }),
    order: optional('number', 'Position among the others; smaller is earlier.', { rules: [whole] }),
  },
}

const MONITORING: Block = {
  description: 'Tells somebody when the workspace runs out of memory or space.',
  attributes: {},
  blocks: {
    memory: {
      nesting: 'set',
      max: 1,
      block: { description: 'The memory of the workspace.', attributes: { enabled: ENABLED, threshold: THRESHOLD } },
    },
    volume: {
      nesting: 'set',
      block: {
        description: 'A file system of the workspace.',
        attributes: {
          path: required('string', 'Where it is mounted.', { rules: [matching('^/', 'an absolute path')] }),
          enabled: ENABLED,
          threshold: THRESHOLD,
        },
      },
    },
  },
  check: (config, path) => [
    ...(given(config, 'memory') || given(config, 'volume')
      ? []
      : [problem([...path, 'memory'], 'Nothing to monitor', 'resources_monitoring needs a memory or a volume block.')]),
    ...repeated(config, path, 'volume', 'path'),
  ],
}

const AGENT: Block = {
  description: 'The program that runs in a workspace and connects it to its people.',
  attributes: {
    id: computed('string', 'A uuid, made once and kept.'),
    arch: required('string', 'Architecture of the machine it runs on.', { rules: [oneOf('amd64', 'armv7', 'arm64')] }),
    os: required('string', 'Operating system of the machine it runs on.', { rules: [oneOf('linux', 'darwin', 'windows')] }),
    auth: optional('string', 'How the agent proves who it is.', {
      default: 'token',
      rules: [oneOf('token', 'google-instance-identity', 'aws-instance-identity', 'azure-instance-identity')],
    }),
    api_key_scope: optional('string', 'What the agent may ask for: no_user_data keeps it from its owner’s credentials.', {
      default: 'all',
      rules: [oneOf('all', 'no_user_data')],
    }),
    connection_timeout: optional('number', 'Seconds after which an agent that never connected counts as failed; 0 never.', {
      default: 120,
      rules: [whole, between(0, Infinity)],
    }),
    dir: optional('string', 'Folder that a new session starts in.', { deprecated: 'Sessions start in the home folder.' }),
    env: optional(['map', 'string'], 'Environment of everything that runs in the workspace.'),
    motd_file: optional('string', 'A file that is shown at login.'),
    order: optional('number', 'Position among the agents of a workspace; smaller is earlier.', { rules: [whole] }),
    shutdown_script: optional('string', 'Runs before the workspace stops.'),
    startup_script: optional('string', 'Runs when the agent starts.'),
    startup_script_behavior: optional('string', 'Whether a login waits for the start script.', {
      default: 'non-blocking',
      rules: [oneOf('non-blocking', 'blocking')],
    }),
    troubleshooting_url: optional('string', 'A page that helps when the agent does not connect.'),
    init_script: computed('string', 'A shell script that fetches the agent and starts it.'),
    token: computed('string', 'The secret of this agent: made once and kept as long as its id.', { sensitive: true }),
  },
  blocks: {
    display_apps: { nesting: 'set', max: 1, block: DISPLAY_APPS, default: [defaultsOf(DISPLAY_APPS)] },
    metadata: { nesting: 'list', block: METADATA },
    resources_monitoring: { nesting: 'set', max: 1, block: MONITORING },
  },
  check(config, path) {
    const dir = config['dir'] ?? null
    return [
      ...(typeof dir !== 'string' || ['', '$HOME', '~'].includes(dir)
        ? []
        : [warning([...path, 'dir'], 'dir is deprecated', 'A session starts in the home folder; let the start script prepare it.')]),
      ...repeated(config, path, 'metadata', 'key'),
    ]
  },
}

export const AGENT_ENTRY: Entry = { name: 'agent', kind: 'resource', prefixes: 'both', version: 1, block: AGENT }
