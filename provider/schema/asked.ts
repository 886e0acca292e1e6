import type { ObjectValue } from '../wire/values.ts'
import { computed, optional, required, type Block, type Diagnostic, type Entry, type Path } from './model.ts'
import { ENVIRONMENT_NAME, given, matching, notEmpty, problem } from './rules.ts'

/** Data sources for what a build may be given beside its parameters: tokens, secrets, a task, and tags that choose who builds. */

const EXTERNAL_AUTH: Block = {
  description: 'A token of the owner for another service, such as a git host they have logged in to.',
  attributes: {
    id: required('string', 'The service, as the operator has named it.', { rules: [notEmpty] }),
    optional: optional('bool', 'Whether a workspace is built without the token too.'),
    access_token: computed('string', 'The token; empty where there is none.', { sensitive: true }),
  },
}

const SECRET: Block = {
  description: 'A secret of the owner.',
  attributes: {
    id: computed('string', 'env: or file: and what follows it.'),
    help_message: required('string', 'What people read who do not have it yet.'),
    env: optional('string', 'The variable it is kept as.', { rules: [matching(ENVIRONMENT_NAME, 'a name of a variable')] }),
    file: optional('string', 'The file it is kept as.', { rules: [matching('^(/|~/)', 'an absolute path, or one that begins with ~/')] }),
    value: computed('string', 'The secret; empty where there is none and the workspace is not being started.', { sensitive: true }),
  },
  check: exactlyOne,
}

function exactlyOne(config: ObjectValue, path: Path): readonly Diagnostic[] {
  const both = given(config, 'env') && given(config, 'file')
  const neither = !given(config, 'env') && !given(config, 'file')
  if (both) return [problem([...path, 'file'], 'Two places of one secret', '"env" and "file" cannot be given together.')]
  return neither ? [problem(path, 'A secret without a place', 'One of "env" and "file" must be given.')] : []
}

const TASK: Block = {
  description: 'The task that the workspace is built for.',
  attributes: {
    id: computed('string', 'Its id; outside of a task a uuid that means nothing.'),
    prompt: computed('string', 'What is asked for; empty outside of a task.'),
    enabled: computed('bool', 'Whether there is a task.'),
  },
}

const WORKSPACE_TAGS: Block = {
  description: 'Labels that a provisioner must have to build this template.',
  attributes: {
    id: computed('string', 'A uuid.'),
    tags: optional(['map', 'string'], 'The labels. Expressions may use parameters: they are worked out before a build is queued.'),
  },
}

const data = (name: string, block: Block, version = 1): Entry => ({ name, kind: 'data', prefixes: 'both', version, block })

export const ASKED_ENTRIES: readonly Entry[] = [
  data('external_auth', EXTERNAL_AUTH),
  data('secret', SECRET),
  data('task', TASK, 0),
  data('workspace_tags', WORKSPACE_TAGS),
]
