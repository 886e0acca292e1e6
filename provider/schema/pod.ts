import { isObject, type Value } from '../wire/values.ts'
import { computed, filled, optional, required, type Block, type Entry, type Nested } from './model.ts'
import { MACHINE_NAME, MACHINE_NAME_DEFAULT } from './process.ts'
import { atMost, between, given, matching, namesOfVariables, notEmpty, oneOf, problem, repeated, whole } from './rules.ts'

const QUANTITY = matching('^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$', 'a quantity like 500m or 2Gi')
const LABEL_NAME = matching('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$', 'a name of Kubernetes: lower-case letters, digits and hyphens')
const ABSOLUTE = matching('^/', 'an absolute path')
const ID = { rules: [whole, between(0, 2_147_483_647)] }

const labelsOfOthers = (value: Value): string | null => {
  const wrong = isObject(value) ? Object.keys(value).find((key) => /^bothy\.dev(\/|$)/.test(key)) : undefined
  return wrong === undefined ? null : `must not have keys of bothy.dev, like ${JSON.stringify(wrong)}`
}

const STORAGE: Nested = {
  nesting: 'list',
  replaces: true,
  block: {
    description: 'A volume of the workspace: kept when it stops, gone when it is deleted.',
    attributes: {
      size: required('string', 'How much it holds.', { rules: [QUANTITY] }),
      mount: required('string', 'Where it is mounted.', { rules: [ABSOLUTE] }),
      storage_class: optional('string', 'The class of storage; left out: the cluster’s own choice.', { rules: [notEmpty] }),
      ephemeral: optional('bool', 'Whether it goes with the pod instead, at every stop.', { default: false }),
    },
  },
}

const TOLERATION: Nested = {
  nesting: 'list',
  replaces: true,
  block: {
    description: 'A taint of nodes that this pod does not mind.',
    attributes: {
      key: optional('string', 'The taint’s key; left out: every one.'),
      operator: optional('string', 'How the value is compared.', { default: 'Equal', rules: [oneOf('Equal', 'Exists')] }),
      value: optional('string', 'The taint’s value.'),
      effect: optional('string', 'Which effect; left out: all.', { rules: [oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute')] }),
      seconds: optional('number', 'How long a NoExecute taint is borne.', { rules: [whole] }),
    },
  },
}

const SECURITY: Nested = {
  nesting: 'list',
  max: 1,
  replaces: true,
  block: {
    description: 'What the pod may do. Whatever is left out is as the restricted standard of Kubernetes asks.',
    attributes: {
      run_as_user: optional('number', 'The user id; left out: the image’s, which must not be root.', ID),
      run_as_group: optional('number', 'The group id.', ID),
      fs_group: optional('number', 'The group that volumes belong to.', ID),
      run_as_non_root: optional('bool', 'Whether root is refused.', { default: true }),
      read_only_root: optional('bool', 'Whether the image can only be read.', { default: false }),
      allow_privilege_escalation: optional('bool', 'Whether a program may gain more rights than its parent.', { default: false }),
      privileged: optional('bool', 'Whether it may do what root of the node may.', { default: false }),
      add_capabilities: optional(['list', 'string'], 'Capabilities beside none.'),
      seccomp: optional('string', 'The filter of system calls.', {
        default: 'RuntimeDefault',
        rules: [oneOf('RuntimeDefault', 'Unconfined')],
      }),
    },
  },
}

const POD: Block = {
  description: 'A pod of a Kubernetes cluster that runs an agent.',
  attributes: {
    agent_id: required('string', 'The agent that runs in it.', { replaces: true }),
    name: optional('string', 'Tells the machines of a workspace apart.', {
      default: MACHINE_NAME_DEFAULT,
      replaces: true,
      rules: [matching(MACHINE_NAME, 'lower-case letters, digits and hyphens, at most 32')],
    }),
    image: required('string', 'The image. It needs glibc and /bin/sh.', { replaces: true, rules: [notEmpty, atMost(512)] }),
    namespace: filled('string', 'The namespace; left out: the one the operator chose for workspaces.', {
      replaces: true,
      rules: [LABEL_NAME],
    }),
    command: optional(['list', 'string'], 'A program that runs beside the agent.', { replaces: true }),
    args: optional(['list', 'string'], 'Its arguments.', { replaces: true }),
    env: optional(['map', 'string'], 'Environment beside what the image and the agent give.', {
      replaces: true,
      rules: [namesOfVariables],
    }),
    service_account: optional('string', 'The service account; its token is mounted only when one is named.', {
      replaces: true,
      rules: [notEmpty],
    }),
    cpu_request: optional('string', 'Processors that are set aside for it.', { replaces: true, rules: [QUANTITY] }),
    cpu_limit: optional('string', 'Processors that it may use at most.', { replaces: true, rules: [QUANTITY] }),
    memory_request: optional('string', 'Memory that is set aside for it.', { replaces: true, rules: [QUANTITY] }),
    memory_limit: optional('string', 'Memory that it may use at most.', { replaces: true, rules: [QUANTITY] }),
    node_selector: optional(['map', 'string'], 'Labels of the nodes it may run on.', { replaces: true }),
    labels: optional(['map', 'string'], 'Labels of the pod; changed while it runs.', { rules: [labelsOfOthers] }),
    annotations: optional(['map', 'string'], 'Annotations of the pod; changed while it runs.', { rules: [labelsOfOthers] }),
    wait: optional('bool', 'Whether the build waits until the pod runs.', { default: true }),
    pod: computed('string', 'The name of the pod.'),
    node: computed('string', 'The node it runs on.'),
  },
  blocks: { storage: STORAGE, toleration: TOLERATION, security_context: SECURITY },
  check: (config, path) => [
    ...repeated(config, path, 'storage', 'mount'),
    ...(given(config, 'args') && !given(config, 'command')
      ? [problem([...path, 'args'], 'Arguments without a command', 'The entrypoint of an image does not run: say in "command" what does.')]
      : []),
  ],
}

export const POD_ENTRY: Entry = { name: 'pod', kind: 'resource', prefixes: 'own', block: POD }
