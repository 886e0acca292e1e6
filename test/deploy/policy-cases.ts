import { CONTROLLER, request, workspace } from './deployed.ts'

/** Each rule of the shipped policies: what it lets pass, and what it refuses in which words. */

export interface Case {
  readonly says: string
  readonly who: string
  /** What is created, or the arguments of kubectl for what is there. */
  readonly does: object | readonly string[]
  /** How it is written; left out: created. */
  readonly by?: readonly string[]
  /** Left out: it is let through. */
  readonly refused?: RegExp
}

export const FINALIZER = 'bothy.dev/destroy'
const annotate = (...what: string[]) => ['-n', 'team-a', 'annotate', 'workspace', 'adas', '--overwrite', ...what]
export const patch = (what: object, kind = 'workspace', name = 'adas') => [
  '-n',
  'team-a',
  'patch',
  kind,
  name,
  '--type=merge',
  '-p',
  JSON.stringify(what),
]
export const mine = (spec: object, metadata: object = {}) => workspace('dev', 'team-a', { owner: 'ada', ...spec }, metadata)
export const many = (count: number, size = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`name-${i}`, 'x'.repeat(size)]))
const STATUS = ['apply', '--server-side', '--force-conflicts', '--subresource=status', '-f', '-']
const statusOf = (name: string) => ({ ...workspace(name, 'team-a', {}), spec: undefined, status: { state: 'Running' } })
export const start = { workspace: 'adas', action: 'Start' }

export const OWNER: readonly Case[] = [
  { says: 'my own', who: 'ada', does: mine({}) },
  {
    says: 'without an owner',
    who: 'ada',
    does: workspace('dev', 'team-a', {}),
    refused: /spec\.owner: Required value: say whose it is, which is you: ada/,
  },
  {
    says: 'of somebody else',
    who: 'eve',
    does: mine({}),
    refused: /spec\.owner: Forbidden: you are eve, and may not declare what belongs to ada/,
  },
  { says: 'of somebody whose name differs by a letter', who: 'Ada', does: mine({}), refused: /you are Ada, and may not declare/ },
  { says: 'of ada by who may speak for ada', who: 'gitops', does: mine({}) },
  {
    says: 'of eve by who may speak for ada alone',
    who: 'gitops',
    does: workspace('dev', 'team-a', { owner: 'eve' }),
    refused: /may not declare what belongs to eve/,
  },
  { says: 'of anybody by a cluster’s administrator', who: 'root', does: mine({}) },
  { says: 'an administrator of the namespace is nobody else', who: 'olga', does: mine({}), refused: /you are olga/ },
  {
    says: 'taking over one without an owner',
    who: 'eve',
    does: patch({ spec: { owner: 'ada' } }, 'workspace', 'nobodys'),
    refused: /may not declare what belongs to ada/,
  },
  {
    says: 'changing what else is in one without an owner',
    who: 'eve',
    does: patch({ spec: { power: 'Stopped' } }, 'workspace', 'nobodys'),
  },
  { says: 'changing a colleague’s, as edit allows', who: 'eve', does: patch({ spec: { power: 'Stopped' } }) },
]

export const from = (namespace: string, name = 'shared') => mine({ template: { name, namespace } })
export const GRANTS: readonly Case[] = [
  { says: 'of the own namespace', who: 'ada', does: mine({}) },
  { says: 'of the own namespace, named', who: 'ada', does: from('team-a', 'node') },
  { says: 'shared with this namespace', who: 'ada', does: from('bothy-templates') },
  { says: 'shared with every namespace', who: 'ada', does: from('bothy-templates', 'open') },
  {
    says: 'shared with another namespace',
    who: 'ada',
    does: from('bothy-templates', 'elsewhere'),
    refused: /spec\.template: Forbidden: the template bothy-templates\/elsewhere does not allow the namespace team-a/,
  },
  {
    says: 'shared with nobody',
    who: 'root',
    does: from('bothy-templates', 'private'),
    refused: /bothy-templates\/private does not allow the namespace team-a/,
  },
  { says: 'that does not exist yet', who: 'ada', does: from('bothy-templates', 'missing') },
  {
    says: 'of a namespace nobody opened',
    who: 'ada',
    does: from('team-b', 'open'),
    refused: /spec\.template\.namespace: Forbidden: workspaces of team-a take no templates from team-b/,
  },
  {
    says: 'changed to one that is not shared',
    who: 'ada',
    does: patch({ spec: { template: { name: 'private', namespace: 'bothy-templates' } } }),
    refused: /does not allow the namespace team-a/,
  },
  { says: 'not shared any more, with the rest changed', who: 'ada', does: patch({ spec: { power: 'Stopped' } }, 'workspace', 'left') },
]

export const LIMITS: readonly Case[] = [
  { says: 'as many parameters as there may be', who: 'ada', does: mine({ parameters: many(64) }) },
  {
    says: 'one parameter more',
    who: 'ada',
    does: mine({ parameters: many(65) }),
    refused: /spec\.parameters: Too many: 65: must have at most 64 items/,
  },
  {
    says: 'parameters that are large together',
    who: 'ada',
    does: mine({ parameters: many(20, 8000) }),
    refused: /spec\.parameters: Too long: must be at most 65536 characters/,
  },
  {
    says: 'annotations that are large together',
    who: 'ada',
    does: mine({}, { annotations: many(20, 8000) }),
    refused: /metadata\.annotations: Too long: must be at most 65536/,
  },
  {
    says: 'too many labels',
    who: 'ada',
    does: mine({}, { labels: many(65) }),
    refused: /metadata\.labels: Too many: 65: must have at most 64/,
  },
  {
    says: 'what was within the limits once, and is looked after',
    who: CONTROLLER,
    does: patch({ metadata: { finalizers: [FINALIZER] } }, 'workspace', 'large'),
  },
  {
    says: 'what was within the limits once, and is labelled',
    who: 'ada',
    does: ['-n', 'team-a', 'label', 'workspace', 'large', 'a=b'],
    refused: /spec\.parameters: Too many/,
  },
]

export const REQUESTS: readonly Case[] = [
  { says: 'for what is mine', who: 'ada', does: request('team-a', start) },
  { says: 'for what is mine, with no other right', who: 'uma', does: request('team-a', { workspace: 'umas', action: 'Stop' }) },
  {
    says: 'for what is somebody else’s',
    who: 'uma',
    does: request('team-a', start),
    refused: /spec\.workspace: Forbidden: adas belongs to ada, and uma may not change it/,
  },
  {
    says: 'an approval for what is somebody else’s',
    who: 'uma',
    does: request('team-a', { workspace: 'adas', action: 'Approve', planDigest: `sha256:${'0'.repeat(64)}` }),
    refused: /adas belongs to ada/,
  },
  { says: 'for a colleague’s, as edit allows', who: 'eve', does: request('team-a', start) },
  { says: 'for what is not there', who: 'uma', does: request('team-a', { workspace: 'nowhere', action: 'Start' }) },
  { says: 'by the controller, for whoever is at its page', who: CONTROLLER, does: request('team-a', start) },
]

export const MARKS: readonly Case[] = [
  {
    says: 'paused by its owner',
    who: 'ada',
    does: annotate('bothy.dev/paused=true'),
    refused: /metadata\.annotations\[bothy\.dev\/paused\]: Forbidden/,
  },
  {
    says: 'created paused',
    who: 'ada',
    does: mine({}, { annotations: { 'bothy.dev/paused': 'true' } }),
    refused: /\[bothy\.dev\/paused\]: Forbidden/,
  },
  { says: 'paused by an administrator', who: 'olga', does: annotate('bothy.dev/paused=true') },
  {
    says: 'no longer paused, by its owner',
    who: 'ada',
    does: ['-n', 'team-a', 'annotate', 'workspace', 'paused', 'bothy.dev/paused-'],
    refused: /\[bothy\.dev\/paused\]: Forbidden/,
  },
  { says: 'a look is asked for', who: 'ada', does: annotate('bothy.dev/reconcile=now') },
  {
    says: 'given up by its owner',
    who: 'ada',
    does: annotate('bothy.dev/abandon=true'),
    refused: /metadata\.annotations\[bothy\.dev\/abandon\]: Forbidden/,
  },
  { says: 'given up by an administrator', who: 'olga', does: annotate('bothy.dev/abandon=true') },
  {
    says: 'said to be declared by a repository',
    who: 'olga',
    does: annotate('bothy.dev/declared-by={}'),
    refused: /\[bothy\.dev\/declared-by\]: Forbidden: only the controller says/,
  },
  {
    says: 'said so even by a cluster’s administrator',
    who: 'root',
    does: annotate('bothy.dev/source-digest=x'),
    refused: /only the controller says/,
  },
  { says: 'said so by the controller', who: CONTROLLER, does: annotate('bothy.dev/declared-by={}') },
  {
    says: 'a request that says it was declared',
    who: 'ada',
    does: { ...request('team-a', start), metadata: { name: 'x', namespace: 'team-a', annotations: { 'bothy.dev/declared-by': '{}' } } },
    refused: /only the controller says/,
  },
  {
    says: 'without its finalizer, by its owner',
    who: 'ada',
    does: patch({ metadata: { finalizers: null } }, 'workspace', 'held'),
    refused: /metadata\.finalizers: Forbidden: the controller takes its finalizer away/,
  },
  { says: 'without its finalizer, by an administrator', who: 'olga', does: patch({ metadata: { finalizers: null } }, 'workspace', 'held') },
  {
    says: 'without its finalizer, by the controller',
    who: CONTROLLER,
    does: patch({ metadata: { finalizers: null } }, 'workspace', 'held'),
  },
  {
    says: 'with another finalizer, by its owner',
    who: 'ada',
    does: patch({ metadata: { finalizers: [FINALIZER, 'example.com/mine'] } }, 'workspace', 'held'),
  },
  {
    says: 'created to be left behind, by its owner',
    who: 'ada',
    does: mine({ deletionPolicy: 'Orphan' }),
    refused: /spec\.deletionPolicy: Forbidden: Orphan leaves what was built where it is: only who may abandon says so \(the verb abandon\)/,
  },
  {
    says: 'to be left behind, by its owner',
    who: 'ada',
    does: patch({ spec: { deletionPolicy: 'Orphan' } }),
    refused: /spec\.deletionPolicy: Forbidden/,
  },
  {
    says: 'created to be left behind, by an administrator',
    who: 'Ada',
    does: workspace('dev', 'team-a', { owner: 'Ada', deletionPolicy: 'Orphan' }),
  },
  { says: 'to be left behind, by an administrator', who: 'olga', does: patch({ spec: { deletionPolicy: 'Orphan' } }) },
  {
    says: 'to be left behind as before, with the rest changed',
    who: 'ada',
    does: patch({ spec: { power: 'Stopped' } }, 'workspace', 'orphan'),
  },
  {
    says: 'not to be left behind any more, by its owner',
    who: 'ada',
    does: patch({ spec: { deletionPolicy: 'Destroy' } }, 'workspace', 'orphan'),
  },
  {
    says: 'replaced by a file without its finalizer, by its owner',
    who: 'ada',
    does: workspace('held', 'team-a', { owner: 'ada' }),
    by: ['replace', '-f', '-'],
    refused: /metadata\.finalizers: Forbidden: [^]*kubectl apply keeps it, kubectl replace does not/,
  },
  {
    says: 'replaced by a file with its finalizer, by its owner',
    who: 'ada',
    does: workspace('held', 'team-a', { owner: 'ada', power: 'Stopped' }, { finalizers: [FINALIZER] }),
    by: ['replace', '-f', '-'],
  },
]

export const OF_THE_CONTROLLER: readonly Case[] = [
  { says: 'its finalizer', who: CONTROLLER, does: patch({ metadata: { finalizers: [FINALIZER] } }) },
  {
    says: 'a spec',
    who: CONTROLLER,
    does: patch({ spec: { power: 'Stopped' } }),
    refused: /spec: Forbidden: the controller writes no spec/,
  },
  {
    says: 'the spec of a template',
    who: CONTROLLER,
    does: patch({ spec: { deprecated: 'x' } }, 'template', 'node'),
    refused: /the controller writes no spec/,
  },
  { says: 'status of what is beyond the limits', who: CONTROLLER, does: statusOf('large'), by: STATUS },
  {
    says: 'status, by somebody else',
    who: 'olga',
    does: statusOf('adas'),
    by: STATUS,
    refused: /cannot patch resource "workspaces\/status"/,
  },
]
