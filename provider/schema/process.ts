import { computed, filled, optional, required, type Block, type Entry } from './model.ts'
import { matching, namesOfVariables } from './rules.ts'

/** A name of a machine: part of folder names and of names in other systems. */
export const MACHINE_NAME = '^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$'
export const MACHINE_NAME_DEFAULT = 'main'

const PROCESS: Block = {
  description: 'A detached process group on the machine of the provisioner that runs an agent.',
  attributes: {
    agent_id: required('string', 'The agent that runs in it.'),
    name: optional('string', 'Tells the machines of a workspace apart.', {
      default: MACHINE_NAME_DEFAULT,
      replaces: true,
      rules: [matching(MACHINE_NAME, 'lower-case letters, digits and hyphens, at most 32')],
    }),
    home: filled('string', 'The home folder; left out: a folder of the workspace that stays when it stops.', {
      replaces: true,
      rules: [matching('^/', 'an absolute path')],
    }),
    env: optional(['map', 'string'], 'Environment beside what the agent gives.', { rules: [namesOfVariables] }),
    shell: optional('string', 'The shell of new sessions.', { rules: [matching('^/', 'an absolute path')] }),
    pid: computed('number', 'The process that leads the group.'),
    started_at: computed('string', 'When that process started.'),
  },
}

export const PROCESS_ENTRY: Entry = { name: 'process', kind: 'resource', prefixes: 'own', block: PROCESS }
