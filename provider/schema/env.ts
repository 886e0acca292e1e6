import { computed, optional, required, type Block, type Entry } from './model.ts'
import { ENVIRONMENT_NAME, matching, oneOf } from './rules.ts'

const ENV: Block = {
  description: 'A variable in the environment of an agent.',
  attributes: {
    id: computed('string', 'A uuid.'),
    agent_id: required('string', 'The agent that gets it.', { replaces: true }),
    name: required('string', 'Name of the variable.', { replaces: true, rules: [matching(ENVIRONMENT_NAME, 'a name of a variable')] }),
    value: optional('string', 'Its value.', { replaces: true }),
    merge_strategy: optional('string', 'What happens when several set the same variable.', {
      default: 'replace',
      replaces: true,
      rules: [oneOf('replace', 'append', 'prepend', 'error')],
    }),
  },
}

export const ENV_ENTRY: Entry = { name: 'env', kind: 'resource', prefixes: 'both', version: 1, block: ENV }
