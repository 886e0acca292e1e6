import { computed, optional, required, type Block, type Entry } from './model.ts'
import { repeated, url, whole } from './rules.ts'

const METADATA: Block = {
  description: 'What people are shown about a resource of the template.',
  attributes: {
    id: computed('string', 'A uuid.'),
    resource_id: required('string', 'The resource it is about; each has one.', { replaces: true }),
    daily_cost: optional('number', 'What it costs a day.', { replaces: true, rules: [whole] }),
    hide: optional('bool', 'Whether the resource is not shown at all.', { replaces: true }),
    icon: optional('string', 'A picture.', { replaces: true, rules: [url] }),
  },
  blocks: {
    item: {
      nesting: 'list',
      replaces: true,
      block: {
        description: 'One value.',
        attributes: {
          key: required('string', 'Names it; each key is there once.'),
          value: optional('string', 'The value.'),
          sensitive: optional('bool', 'Whether it is covered until somebody asks.', { default: false }),
          is_null: computed('bool', 'Whether it has no value.', { derive: (item) => (item['value'] ?? null) === null }),
        },
      },
    },
  },
  check: (config, path) => repeated(config, path, 'item', 'key'),
}

export const METADATA_ENTRY: Entry = { name: 'metadata', kind: 'resource', prefixes: 'both', version: 1, block: METADATA }
