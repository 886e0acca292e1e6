import { EVENTS, OTHER, REQUEST, RUNNING_STATUS, STOPPED_STATUS, TEMPLATE, TEMPLATE_STATUS, WORKSPACE } from './documents.ts'

/**
 * What people do with kubectl, as data. The real API server's answers are the golden files; a control plane without a
 * cluster is held to the same files. Nothing here waits for a controller: what one would write is patched by hand.
 */

export interface Call {
  readonly args: readonly string[]
  readonly input?: string
}

export interface Step extends Call {
  /** The sentence above it in the golden file. */
  readonly shows: string
  /** Commands that run one after another once this one has begun: when it has printed something, or watches. */
  readonly meanwhile?: readonly Call[]
  /** A watch: it is ended when it has printed so many lines. */
  readonly lines?: number
  readonly env?: Readonly<Record<string, string>>
  /** Ages stand in the middle of its lines: how wide columns are says nothing. */
  readonly ragged?: true
}

export interface Chapter {
  readonly name: string
  /** What is there before it begins; their output is not part of it. */
  readonly given: readonly Call[]
  readonly steps: readonly Step[]
}

const apply = (input: string): Call => ({ args: ['apply', '-f', '-'], input })
const status = (object: string, patch: string): Call => ({
  args: ['patch', ...object.split('/'), '--subresource=status', '--type=merge', '-p', patch],
})
const step = (shows: string, args: string, more: Partial<Step> = {}): Step => ({ shows, args: args.split(' '), ...more })
const given = [apply(TEMPLATE), apply(WORKSPACE), status('tpl/node', TEMPLATE_STATUS), status('ws/dev', RUNNING_STATUS)]

const DISCOVER: Chapter = {
  name: 'discover',
  given: [],
  steps: [
    step('which kinds there are', 'api-resources --api-group=bothy.dev'),
    step('and which of them "get bothy" shows', 'api-resources --categories=bothy -o name'),
    step('a kind that nobody knows', 'get workspaceses'),
  ],
}

const EXPLAIN: Chapter = {
  name: 'explain',
  given: [],
  steps: [
    step('a kind', 'explain ws'),
    step('a part of it', 'explain ws.spec.schedule'),
    step('one field', 'explain ws.spec.schedule.ttl'),
    step('an enumeration', 'explain workspacerequest.spec.action'),
    step('a kind without a namespace', 'explain owner.spec'),
    step('everything at once', 'explain tpl --recursive'),
    step('a field that there is not', 'explain ws.spec.nothing'),
  ],
}

const APPLY: Chapter = {
  name: 'apply',
  given: [],
  steps: [
    step('a template and a workspace are made', 'apply -f -', { input: `${TEMPLATE}---\n${WORKSPACE}` }),
    step('the same again changes nothing', 'apply -f -', { input: `${TEMPLATE}---\n${WORKSPACE}` }),
    step('what would change', 'diff -f -', { input: WORKSPACE.replace('ttl: 8h', 'ttl: 4h'), ragged: true }),
    step('tried out by the server', 'apply --dry-run=server -f -', { input: WORKSPACE.replace('ttl: 8h', 'ttl: 4h') }),
    step('nothing was changed by that', 'get ws dev -o jsonpath={.spec.schedule.ttl}'),
    step('a field is changed', 'apply -f -', { input: WORKSPACE.replace('ttl: 8h', 'ttl: 4h') }),
    step('what is left out is gone, and the default is back', 'apply -f -', {
      input: WORKSPACE.replace('ttl: 8h, ', '').replace('  parameters: {cpu: "2"}\n', ''),
    }),
    step('as it is now', 'get ws dev -o yaml'),
    step('a request is made by create', 'create -f -', { input: REQUEST }),
    step('and cannot be made twice', 'create -f -', { input: REQUEST }),
  ],
}

const INVALID: Chapter = {
  name: 'invalid',
  given: [apply(TEMPLATE), apply(WORKSPACE), apply(REQUEST)],
  steps: [
    step('a value that is not offered', 'apply -f -', { input: WORKSPACE.replace('owner: ada', 'owner: ada\n  power: Sometimes') }),
    step('a rule between fields', 'apply -f -', { input: REQUEST.replace('start-1', 'hold-1').replace('Start', 'Hold') }),
    step('something that never changes', 'apply -f -', { input: WORKSPACE.replace('owner: ada', 'owner: bob') }),
    step('a request that is changed', 'apply -f -', { input: REQUEST.replace('Start', 'Stop') }),
    step('a field that there is not', 'create -f -', { input: OTHER.replace('owner: bob', 'ownr: bob') }),
    step('a field of the wrong type', 'apply -f -', { input: WORKSPACE.replace('cpu: "2"', 'cpu: 2') }),
    step('a field that is missing', 'apply -f -', {
      input: WORKSPACE.replace('  template: {name: node}\n', '').replace('name: dev', 'name: none'),
    }),
    step('a duration that is too long', 'apply -f -', { input: WORKSPACE.replace('ttl: 8h', 'ttl: 60d') }),
    step('a patch that is refused', 'patch ws dev --type=merge -p {"spec":{"owner":"bob"}}'),
    step('a namespace that does not fit', 'apply -n default -f -', {
      input: WORKSPACE.replace('name: dev', 'name: dev\n  namespace: NAMESPACE'),
    }),
    step('an object that there is not', 'get ws nothing'),
  ],
}

const GET: Chapter = {
  name: 'get',
  given: [...given, apply(OTHER), apply(REQUEST)],
  steps: [
    step('all of a kind', 'get ws'),
    step('with every column', 'get ws -o wide'),
    step('of every namespace', 'get ws -A -l steps=NAMESPACE'),
    step('by label', 'get ws -l team=b'),
    step('with labels', 'get ws dev --show-labels', { ragged: true }),
    step('by a field', 'get ws --field-selector spec.owner=bob'),
    step('by another field', 'get ws --field-selector spec.template.name=node -o name'),
    step('sorted', 'get ws --sort-by=.spec.owner -o name'),
    step('a field', 'get ws dev -o jsonpath={.status.conditions[?(@.type=="Running")].status}'),
    step('columns of your own', 'get ws -o custom-columns=NAME:.metadata.name,TTL:.spec.schedule.ttl'),
    step('one as YAML', 'get ws dev -o yaml'),
    step('templates', 'get tpl'),
    step('templates with every column', 'get tpl -o wide'),
    step('requests', 'get wsr'),
    step('everything of ours', 'get bothy'),
    step('several kinds', 'get tpl,ws -o name'),
    step('nothing', 'get ws -l team=nobody'),
    step('a few at a time', 'get ws --chunk-size=1 -o name'),
    step('as it changes', 'get ws dev -w', {
      lines: 3,
      meanwhile: [status('ws/dev', STOPPED_STATUS)],
    }),
  ],
}

const DESCRIBE: Chapter = {
  name: 'describe',
  given: [...given, { args: ['create', '-f', '-'], input: EVENTS }],
  steps: [
    step('a workspace, and what happened to it', 'describe ws dev', { ragged: true }),
    step('a template', 'describe tpl node', { ragged: true }),
    step('what happened, by itself', 'events --for ws/dev', { ragged: true }),
    step('what went wrong', 'events --types=Warning', { ragged: true }),
    step('events are objects too', 'get events --field-selector reason=BuildFailed -o jsonpath={.items[*].message}'),
  ],
}

const WAIT: Chapter = {
  name: 'wait',
  given: [apply(TEMPLATE), apply(WORKSPACE)],
  steps: [
    step('until it runs', 'wait --for=condition=Running ws/dev --timeout=20s', { meanwhile: [status('ws/dev', RUNNING_STATUS)] }),
    step('it is so already', 'wait --for=condition=Ready ws/dev --timeout=20s'),
    step('until a condition is false', 'wait --for=condition=Running=False ws/dev --timeout=20s', {
      meanwhile: [status('ws/dev', STOPPED_STATUS)],
    }),
    step('until a field has a value', 'wait --for=jsonpath={.status.state}=Running ws/dev --timeout=20s', {
      meanwhile: [status('ws/dev', RUNNING_STATUS)],
    }),
    step('it does not become so', 'wait --for=condition=Stalled ws/dev --timeout=1s'),
    step('for something that there is not', 'wait --for=condition=Ready ws/nothing --timeout=1s'),
    step('until it is gone', 'wait --for=delete ws/dev --timeout=20s', { meanwhile: [{ args: ['delete', 'ws', 'dev'] }] }),
  ],
}

const CHANGE: Chapter = {
  name: 'change',
  given: [apply(TEMPLATE), apply(WORKSPACE)],
  steps: [
    step('a patch', 'patch ws dev --type=merge -p {"spec":{"power":"Stopped"}}'),
    step('the same patch again', 'patch ws dev --type=merge -p {"spec":{"power":"Stopped"}}'),
    step('a label', 'label ws dev team=c --overwrite'),
    step('and without it', 'label ws dev team-'),
    step('an annotation', 'annotate ws dev bothy.dev/reconcile=1'),
    step('in an editor', 'edit ws dev', { env: { KUBE_EDITOR: 'sed -i s/Stopped/Running/' } }),
    step('an editor that changes nothing', 'edit ws dev', { env: { KUBE_EDITOR: 'true' } }),
    step('how often it was changed', 'get ws dev -o jsonpath={.metadata.generation}'),
    step('replaced by a file', 'replace -f -', { input: WORKSPACE }),
    step('replaced where there is nothing', 'replace -f -', { input: OTHER }),
    step('an outdated version', 'replace -f -', { input: WORKSPACE.replace('name: dev', 'name: dev\n  resourceVersion: "1"') }),
    step('what of it is status is not changed with it', 'get ws dev -o jsonpath={.status}'),
  ],
}

const FINALIZER = '{"metadata":{"finalizers":["bothy.dev/destroy"]}}'
const NO_FINALIZER: Call = { args: ['patch', 'ws', 'dev', '--type=merge', '-p', '{"metadata":{"finalizers":null}}'] }

const DELETE: Chapter = {
  name: 'delete',
  given: [...given, apply(OTHER), { args: ['patch', 'ws', 'dev', '--type=merge', '-p', FINALIZER] }],
  steps: [
    step('tried out by the server', 'delete ws other --dry-run=server'),
    step('by a file', 'delete -f -', { input: OTHER }),
    step('what is not there', 'delete ws other'),
    step('and that is no mistake, if one says so', 'delete ws other --ignore-not-found'),
    step('one whose world is not clean yet', 'delete ws dev --wait=false'),
    step('it is still there', 'get ws dev -o jsonpath={.metadata.finalizers}'),
    step('returns when it is gone', 'delete ws dev --timeout=20s', { meanwhile: [NO_FINALIZER] }),
    step('by label', 'delete tpl -l steps=NAMESPACE'),
    step('nothing is left', 'get bothy'),
  ],
}

const dependent = (name: string, of: string) =>
  apply(`apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}
  ownerReferences:
  - {apiVersion: bothy.dev/v1alpha1, kind: Workspace, name: ${of}, uid: "{uid:ws/${of}}", blockOwnerDeletion: true}
`)

/** A cluster collects garbage of a new kind half a minute after it has come. */
const COLLECTED = '--timeout=90s'

const CASCADE: Chapter = {
  name: 'cascade',
  given: [...given, apply(OTHER), dependent('of-dev', 'dev'), dependent('of-other', 'other')],
  steps: [
    step('after everything that depends on it', `delete ws dev --cascade=foreground ${COLLECTED}`),
    step('which is gone by then', 'get cm of-dev'),
    step('without what depends on it', `delete ws other --cascade=orphan ${COLLECTED}`),
    step('which stays, and depends on nothing', 'get cm of-other -o jsonpath={.metadata.name}{.metadata.ownerReferences}'),
    step('a way that there is not', 'delete cm of-other --cascade=sideways'),
  ],
}

export const CHAPTERS: readonly Chapter[] = [DISCOVER, EXPLAIN, APPLY, INVALID, GET, DESCRIBE, WAIT, CHANGE, DELETE, CASCADE]
