import { computed, filled, optional, replacing, required, type Block, type Entry } from './model.ts'
import { conflicts, matching, notEmpty } from './rules.ts'

/** Resources that only say something to the control plane, which reads it in the state. */

const UUID = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'
const isUuid = matching(UUID, 'a uuid')

const AGENT_INSTANCE: Block = {
  description: 'Joins an agent that proves who it is by its machine to that machine.',
  attributes: {
    id: computed('string', 'A uuid.'),
    ...replacing({
      agent_id: required('string', 'The agent.'),
      instance_id: required('string', 'The id of the machine, as its cloud gives it.'),
    }),
  },
}

const AI_TASK: Block = {
  description: 'Makes workspaces of this template ones that work on a task: somebody gives a prompt, and an app shows the work.',
  attributes: {
    id: computed('string', 'The id of the task; outside of one a uuid.'),
    app_id: filled('string', 'The app that shows the work.', { replaces: true, rules: [isUuid] }),
    prompt: computed('string', 'What is asked for; null outside of a task.'),
    enabled: computed('bool', 'Whether this build is of a task.'),
  },
  blocks: {
    sidebar_app: {
      nesting: 'set',
      max: 1,
      replaces: true,
      block: {
        description: 'The app that shows the work.',
        deprecated: 'Give app_id.',
        attributes: { id: required('string', 'Its id.', { rules: [isUuid] }) },
      },
    },
  },
  check: (config, path) => [...conflicts(config, path, 'app_id', ['sidebar_app']), ...conflicts(config, path, 'sidebar_app', ['app_id'])],
}

const DEVCONTAINER: Block = {
  description: 'A folder of the workspace whose devcontainer.json is built and started beside its agent.',
  attributes: {
    id: computed('string', 'A uuid.'),
    ...replacing({
      agent_id: required('string', 'The agent that starts it.'),
      workspace_folder: required('string', 'The folder that is opened.', { rules: [notEmpty] }),
      config_path: optional('string', 'The devcontainer.json, where it is not at its usual place in that folder.'),
    }),
    subagent_id: computed('string', 'The agent that runs in the container: give it to apps, scripts and variables of the container.'),
  },
}

const EXTERNAL_AGENT: Block = {
  description: 'Says that an agent is started by somebody, somewhere: the template makes no machine for it.',
  attributes: {
    id: computed('string', 'A uuid.'),
    ...replacing({ agent_id: required('string', 'The agent.') }),
  },
}

const resource = (name: string, block: Block, version = 1): Entry => ({ name, kind: 'resource', prefixes: 'both', version, block })

export const DECLARATION_ENTRIES: readonly Entry[] = [
  resource('agent_instance', AGENT_INSTANCE, 0),
  resource('ai_task', AI_TASK),
  resource('devcontainer', DEVCONTAINER),
  resource('external_agent', EXTERNAL_AGENT),
]
