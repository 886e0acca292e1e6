import { isObject, type Value } from '../wire/values.ts'
import { computed, optional, required, type Block, type Entry, type Nested } from './model.ts'
import { MACHINE_NAME, MACHINE_NAME_DEFAULT } from './process.ts'
import { atMost, between, matching, namesOfVariables, notEmpty, repeated, whole } from './rules.ts'

const ABSOLUTE = matching('^/[^:]*$', 'an absolute path without a colon')
const IP = matching('^([0-9]{1,3}\\.){3}[0-9]{1,3}$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$|^host-gateway$', 'an address, or host-gateway')

/** Where the agent itself lies in every container. */
const OURS = /^\/(opt\/bothy|run\/bothy(-agent)?)(\/|$)/

const notOurs = (value: Value): string | null =>
  typeof value === 'string' && OURS.test(value) ? 'must leave /opt/bothy, /run/bothy and /run/bothy-agent to the agent' : null

/** Keys that tell us whose a container is are not a template's to set. */
const labelsOfOthers = (value: Value): string | null => {
  const wrong = isObject(value) ? Object.keys(value).find((key) => /^bothy\.dev(\/|$)/.test(key)) : undefined
  return wrong === undefined ? null : `must not have labels of bothy.dev, like ${JSON.stringify(wrong)}`
}

const READ_ONLY = optional('bool', 'Whether it can only be read inside.', { default: false })

const VOLUME: Nested = {
  nesting: 'list',
  replaces: true,
  block: {
    description: 'A volume of the workspace: kept when it stops, gone when it is deleted.',
    attributes: {
      name: required('string', 'Names it within the workspace; machines that name the same share it.', {
        rules: [matching(MACHINE_NAME, 'lower-case letters, digits and hyphens, at most 32')],
      }),
      target: required('string', 'Where it is mounted.', { rules: [ABSOLUTE, notOurs] }),
      read_only: READ_ONLY,
      ephemeral: optional('bool', 'Whether it goes with the machine instead, at every stop.', { default: false }),
    },
  },
}

const BIND: Nested = {
  nesting: 'list',
  replaces: true,
  block: {
    description: 'A folder or file of the host. Refused unless the operator allows `bind`.',
    attributes: {
      source: required('string', 'Its path on the host.', { rules: [ABSOLUTE] }),
      target: required('string', 'Where it is mounted.', { rules: [ABSOLUTE, notOurs] }),
      read_only: READ_ONLY,
    },
  },
}

const HOST: Nested = {
  nesting: 'list',
  replaces: true,
  block: {
    description: 'A name that the machine knows beside those of its network.',
    attributes: {
      name: required('string', 'The name.', { rules: [matching('^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$', 'a host name'), atMost(253)] }),
      ip: required('string', 'Its address; `host-gateway` is the host itself.', { rules: [IP] }),
    },
  },
}

const CONTAINER: Block = {
  description: 'A container on the provisioner’s Docker or Podman that runs an agent.',
  attributes: {
    agent_id: required('string', 'The agent that runs in it.', { replaces: true }),
    name: optional('string', 'Tells the machines of a workspace apart.', {
      default: MACHINE_NAME_DEFAULT,
      replaces: true,
      rules: [matching(MACHINE_NAME, 'lower-case letters, digits and hyphens, at most 32')],
    }),
    image: required('string', 'The image, pulled when it is not there yet. It needs glibc and /bin/sh.', {
      replaces: true,
      rules: [notEmpty, matching('^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$', 'the name of an image'), atMost(512)],
    }),
    command: optional(['list', 'string'], 'A program that runs beside the agent. The entrypoint of the image is not run.', {
      replaces: true,
    }),
    env: optional(['map', 'string'], 'Environment beside what the image and the agent give.', {
      replaces: true,
      rules: [namesOfVariables],
    }),
    workdir: optional('string', 'The folder that the agent starts in.', { replaces: true, rules: [matching('^/', 'an absolute path')] }),
    user: optional('string', 'A user, or user:group, as a name or number; left out: as the image says.', {
      replaces: true,
      rules: [matching('^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$', 'a user, or user:group')],
    }),
    cpus: optional('number', 'How many processors it may use; changed while it runs.', { rules: [between(0.01, 1024)] }),
    memory_mb: optional('number', 'How much memory it may use, in MiB; changed while it runs.', { rules: [whole, between(6, 16_777_216)] }),
    network: optional(
      'string',
      '`none`, `bridge`, or `workspace`: a network of this workspace alone, in which its machines know each other by name. `host`, and other names, need the operator’s leave.',
      { replaces: true, rules: [matching('^[A-Za-z0-9][A-Za-z0-9_.-]*$', 'the name of a network'), atMost(64)] },
    ),
    privileged: optional('bool', 'Whether it may do what root of the host may. Refused unless the operator allows it.', {
      default: false,
      replaces: true,
    }),
    labels: optional(['map', 'string'], 'Labels of the container.', { replaces: true, rules: [labelsOfOthers] }),
    id: computed('string', 'The id of the container.'),
    ip: computed('string', 'Its address in its network; empty where it has none.'),
  },
  blocks: { volume: VOLUME, bind: BIND, host: HOST },
  check: (config, path) => [...repeated(config, path, 'volume', 'target'), ...repeated(config, path, 'bind', 'target')],
}

export const CONTAINER_ENTRY: Entry = { name: 'container', kind: 'resource', prefixes: 'own', block: CONTAINER }
