import type { ObjectValue, Value } from '../wire/values.ts'
import { overlap, parseCron } from './cron.ts'
import { computed, optional, required, type Block, type Diagnostic, type Entry, type Path } from './model.ts'
import { atMost, between, itemsOf, notEmpty, problem, url, whole } from './rules.ts'

const TTL_LEAST_SECONDS = 3600
const TTL_MOST_SECONDS = 31_536_000

const INSTANCES = required('number', 'How many workspaces wait, built already.', { rules: [whole, between(0, Infinity)] })

const SCHEDULING: Block = {
  description: 'Other numbers of waiting workspaces at some hours.',
  attributes: { timezone: required('string', 'The time zone of the schedules, such as Europe/Berlin.', { rules: [knownTimezone] }) },
  blocks: {
    schedule: {
      nesting: 'list',
      min: 1,
      block: {
        description: 'One number, and when it holds.',
        attributes: {
          cron: required('string', 'The hours: five fields, of which the first is *.', { rules: [wholeHours] }),
          instances: INSTANCES,
        },
      },
    },
  },
  check: overlaps,
}

const PREBUILDS: Block = {
  description: 'Workspaces that are built before anybody asks for one.',
  attributes: { instances: INSTANCES },
  blocks: {
    expiration_policy: {
      nesting: 'set',
      max: 1,
      block: {
        description: 'When a waiting workspace is too old.',
        attributes: { ttl: required('number', 'Seconds it may wait; 0: for ever.', { rules: [whole, ttlInBounds] }) },
      },
    },
    scheduling: { nesting: 'list', max: 1, block: SCHEDULING },
  },
}

function knownTimezone(value: Value): string | null {
  if (typeof value !== 'string') return null
  try {
    Intl.DateTimeFormat('en', { timeZone: value })
    return null
  } catch {
    return `must be a time zone such as Europe/Berlin, not ${JSON.stringify(value)}`
  }
}

function wholeHours(value: Value): string | null {
  if (typeof value !== 'string') return null
  return parseCron(value, 5) && value.trim().startsWith('* ')
    ? null
    : `must have five fields, of which the first is *, not ${JSON.stringify(value)}`
}

function ttlInBounds(value: Value): string | null {
  return value === 0 ? null : between(TTL_LEAST_SECONDS, TTL_MOST_SECONDS)(value)
}

/** Two numbers for one hour would leave it open how many wait. */
function overlaps(config: ObjectValue, path: Path): readonly Diagnostic[] {
  const crons = itemsOf(config, 'schedule').map((schedule) => schedule['cron'])
  return crons.flatMap((cron, i) => {
    const earlier = crons.slice(0, i).find((other) => typeof other === 'string' && typeof cron === 'string' && overlap(other, cron))
    if (typeof earlier !== 'string') return []
    return [problem([...path, 'schedule', i, 'cron'], 'Schedules overlap', `"${String(cron)}" names hours that "${earlier}" names too.`)]
  })
}

const PRESET: Block = {
  description: 'Values of parameters that go together, under one name.',
  attributes: {
    id: computed('string', 'Its name.'),
    name: required('string', 'Names the preset.', { rules: [notEmpty] }),
    default: optional('bool', 'Whether it is chosen unless somebody chooses another.', { default: false }),
    description: optional('string', 'More about it.', { rules: [atMost(128)] }),
    icon: optional('string', 'A picture.', { rules: [url, atMost(256)] }),
    parameters: optional(['map', 'string'], 'Values by name of parameter.'),
  },
  blocks: { prebuilds: { nesting: 'set', max: 1, block: PREBUILDS } },
}

export const PRESET_ENTRY: Entry = { name: 'workspace_preset', kind: 'data', prefixes: 'both', version: 1, block: PRESET }
