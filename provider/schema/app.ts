import type { ObjectValue } from '../wire/values.ts'
import { computed, optional, replacing, required, type Block, type Diagnostic, type Entry, type Path } from './model.ts'
import { atMost, between, conflicts, given, matching, oneOf, url, warning, whole } from './rules.ts'

const APP: Block = {
  description: 'Something in a workspace that people open: a web page, a command, a link.',
  attributes: {
    id: computed('string', 'A uuid.'),
    ...replacing({
      agent_id: required('string', 'The agent it runs beside.'),
      slug: required('string', 'Names it in addresses; unique in a workspace.', {
        rules: [matching('^[a-z0-9](-?[a-z0-9])*$', 'lower-case letters and digits, with single hyphens between them')],
      }),
      command: optional('string', 'Runs in a terminal in place of a page.'),
      display_name: optional('string', 'What people read.', { rules: [atMost(64)] }),
      external: optional('bool', 'A link that leaves the control plane.', { default: false }),
      group: optional('string', 'Apps of one group are shown together.', { rules: [atMost(64)] }),
      hidden: optional('bool', 'Whether it is not shown at all.', { default: false }),
      icon: optional('string', 'A picture.', { rules: [url] }),
      open_in: optional('string', 'Where a browser opens it.', { default: 'slim-window', rules: [oneOf('slim-window', 'tab')] }),
      order: optional('number', 'Position among the others; smaller is earlier.', { rules: [whole] }),
      share: optional('string', 'Who may open it.', { default: 'owner', rules: [oneOf('owner', 'authenticated', 'public')] }),
      subdomain: optional('bool', 'Served under a host name of its own.'),
      tooltip: optional('string', 'Text shown beside it.', { rules: [atMost(2048)] }),
      url: optional('string', 'Where it listens, as seen from inside the workspace.'),
    }),
  },
  blocks: {
    healthcheck: {
      nesting: 'set',
      max: 1,
      replaces: true,
      block: {
        description: 'Asked again and again to know whether the app works.',
        attributes: {
          url: required('string', 'Answers below 500 when all is well.'),
          interval: required('number', 'Seconds from one question to the next.', { rules: [whole, between(0, Infinity)] }),
          threshold: required('number', 'This many failures in a row mean that it does not work.', {
            rules: [whole, between(0, Infinity)],
          }),
        },
      },
    },
  },
  check: (config, path) => [
    ...conflicts(config, path, 'command', ['url', 'subdomain', 'healthcheck']),
    ...conflicts(config, path, 'external', ['healthcheck', 'command', 'subdomain', 'share']),
    ...hiddenYetDescribed(config, path),
  ],
}

function hiddenYetDescribed(config: ObjectValue, path: Path): readonly Diagnostic[] {
  const useless = ['display_name', 'icon'].filter((name) => given(config, name))
  return config['hidden'] === true && useless.length > 0
    ? [warning([...path, 'hidden'], 'A hidden app is described', `Nobody sees ${useless.join(' and ')} of an app that is hidden.`)]
    : []
}

export const APP_ENTRY: Entry = { name: 'app', kind: 'resource', prefixes: 'both', version: 1, block: APP }
