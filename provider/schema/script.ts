import type { Value } from '../wire/values.ts'
import { parseCron } from './cron.ts'
import { computed, optional, required, type Block, type Diagnostic, type Entry, type Path } from './model.ts'
import { between, given, problem, warning, whole } from './rules.ts'

const SCRIPT: Block = {
  description: 'A script that an agent runs: at start, at stop, or on a schedule.',
  attributes: {
    id: computed('string', 'A uuid.'),
    agent_id: required('string', 'The agent that runs it.', { replaces: true }),
    display_name: required('string', 'What people read.', { replaces: true }),
    script: required('string', 'The text of the script.', { replaces: true }),
    cron: optional('string', 'When it runs: six fields, seconds first.', { replaces: true, rules: [sixFields] }),
    icon: optional('string', 'A picture.', { replaces: true }),
    log_path: optional('string', 'A file for what it prints, below the log folder.', { replaces: true }),
    run_on_start: optional('bool', 'Runs when the agent starts.', { default: false, replaces: true }),
    run_on_stop: optional('bool', 'Runs before the workspace stops.', { default: false, replaces: true }),
    start_blocks_login: optional('bool', 'A login waits for it.', { default: false, replaces: true }),
    timeout: optional('number', 'Seconds it may take; left out: no limit.', {
      default: 0,
      replaces: true,
      rules: [whole, between(1, Infinity)],
    }),
  },
  check: (config, path) => [
    ...(maybeTrue(config['run_on_start']) || maybeTrue(config['run_on_stop']) || given(config, 'cron')
      ? []
      : [problem(path, 'A script that never runs', 'At least one of run_on_start, run_on_stop and cron must be set.')]),
    ...(config['start_blocks_login'] === true && !maybeTrue(config['run_on_start'])
      ? [problem([...path, 'start_blocks_login'], 'Nothing to wait for', 'start_blocks_login needs run_on_start.')]
      : []),
    ...fiveFields(config['cron'], [...path, 'cron']),
  ],
}

const maybeTrue = (value: Value | undefined): boolean => value === true || (typeof value === 'object' && value !== null)

function sixFields(value: Value): string | null {
  return typeof value !== 'string' || parseCron(value, 6) ? null : `must have six fields, seconds first, not ${JSON.stringify(value)}`
}

const fiveFields = (value: Value | undefined, path: Path): readonly Diagnostic[] =>
  typeof value === 'string' && parseCron(value, 5)
    ? [warning(path, 'A schedule without seconds', `Put a field for seconds first: "0 ${value}".`)]
    : []

export const SCRIPT_ENTRY: Entry = { name: 'script', kind: 'resource', prefixes: 'both', version: 1, block: SCRIPT }
