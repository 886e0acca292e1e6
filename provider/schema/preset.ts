import type { Value } from '../wire/values.ts'
import { isObject } from '../wire/values.ts'
import { computed, optional, required, type Block, type Entry } from './model.ts'
import { atMost, notEmpty, url } from './rules.ts'

const PRESET: Block = {
  description: 'Values of parameters that go together, under one name.',
  attributes: {
    id: computed('string', 'Its name.'),
    name: required('string', 'Names the preset.', { rules: [notEmpty] }),
    default: optional('bool', 'Whether it is chosen unless somebody chooses another.', { default: false }),
    description: optional('string', 'More about it.', { rules: [atMost(128)] }),
    icon: optional('string', 'A picture.', { rules: [url, atMost(256)] }),
    parameters: optional(['map', 'string'], 'Values by name of parameter.', { rules: [noneEmpty] }),
  },
}

function noneEmpty(value: Value): string | null {
  if (!isObject(value)) return null
  const empty = Object.entries(value).find(([, each]) => each === '')
  return empty ? `must give every parameter a value, "${empty[0]}" too` : null
}

export const PRESET_ENTRY: Entry = { name: 'workspace_preset', kind: 'data', prefixes: 'both', block: PRESET }
