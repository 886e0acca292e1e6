import type { PodSeen, PodWanted } from '../machine-ports.ts'
import { itemsOf, problem } from '../schema/rules.ts'
import type { ObjectValue } from '../wire/values.ts'
import { listOf, numberOrNull, textOf, textsOf } from './hand.ts'
import { remoteMachine } from './remote-machine.ts'

const textOrNull = (object: ObjectValue, name: string): string | null => textOf(object, name) || null

const wantedBy = (planned: ObjectValue): PodWanted => ({
  name: textOf(planned, 'name'),
  agentId: textOf(planned, 'agent_id'),
  image: textOf(planned, 'image'),
  namespace: textOrNull(planned, 'namespace'),
  command: listOf(planned, 'command'),
  args: listOf(planned, 'args'),
  env: textsOf(planned, 'env'),
  serviceAccount: textOrNull(planned, 'service_account'),
  requests: { cpu: textOrNull(planned, 'cpu_request'), memory: textOrNull(planned, 'memory_request') },
  limits: { cpu: textOrNull(planned, 'cpu_limit'), memory: textOrNull(planned, 'memory_limit') },
  storage: itemsOf(planned, 'storage').map((each) => ({
    size: textOf(each, 'size'),
    mount: textOf(each, 'mount'),
    storageClass: textOrNull(each, 'storage_class'),
    ephemeral: each['ephemeral'] === true,
  })),
  nodeSelector: textsOf(planned, 'node_selector'),
  tolerations: itemsOf(planned, 'toleration').map((each) => ({
    key: textOrNull(each, 'key'),
    operator: textOf(each, 'operator'),
    value: textOrNull(each, 'value'),
    effect: textOrNull(each, 'effect'),
    seconds: numberOrNull(each, 'seconds'),
  })),
  security: securityOf(itemsOf(planned, 'security_context')[0] ?? {}),
  labels: textsOf(planned, 'labels'),
  annotations: textsOf(planned, 'annotations'),
  wait: planned['wait'] !== false,
})

/** Without a block everything is as its defaults are. */
const securityOf = (block: ObjectValue): PodWanted['security'] => ({
  runAsUser: numberOrNull(block, 'run_as_user'),
  runAsGroup: numberOrNull(block, 'run_as_group'),
  fsGroup: numberOrNull(block, 'fs_group'),
  runAsNonRoot: block['run_as_non_root'] !== false,
  readOnlyRoot: block['read_only_root'] === true,
  allowPrivilegeEscalation: block['allow_privilege_escalation'] === true,
  privileged: block['privileged'] === true,
  addCapabilities: listOf(block, 'add_capabilities'),
  seccomp: textOf(block, 'seccomp') || 'RuntimeDefault',
})

const keptOf = (state: ObjectValue, name: string, seen: Readonly<Record<string, string>>): ObjectValue | null =>
  (state[name] ?? null) === null && Object.keys(seen).length === 0 ? null : seen

const withSeen = (state: ObjectValue, seen: PodSeen): ObjectValue => ({
  ...state,
  pod: seen.pod,
  namespace: seen.namespace,
  node: seen.node,
  image: seen.image,
  labels: keptOf(state, 'labels', seen.labels),
  annotations: keptOf(state, 'annotations', seen.annotations),
})

export const pod = remoteMachine({
  type: 'bothy_pod',
  portOf: (machines) => machines.pod,
  missing: problem(
    [],
    'No Kubernetes cluster',
    'This provisioner is not connected to a cluster, so it makes no pods. Use bothy_container or bothy_process, or a provisioner that runs in a cluster.',
  ),
  missingAtPlan: true,
  wantedBy,
  withSeen,
})
