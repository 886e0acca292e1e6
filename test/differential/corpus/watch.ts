import type { Scenario, Step } from '../harness/step.ts'
import { CONFIGMAPS, configMap, create, get, merge, remove, workspace, WORKSPACES } from './make.ts'

/** Watches: what is told, in which order, and from where on. Those that end by their time tell too that nothing else came. */

const at = (name: string) => `${WORKSPACES}/${name}`
const watched = (
  does: string,
  events: number,
  query: Readonly<Record<string, string>>,
  path = WORKSPACES,
  more: Partial<Step> = {},
): Step => get(does, path, { events, query: { watch: 'true', ...query }, ...more })

const FROM = { keep: { from: 'metadata.resourceVersion' } }
/** Nobody writes so much. */
const AHEAD = '99999999999'
const SHORT = { timeoutSeconds: '1' }

export const WATCH: readonly Scenario[] = [
  {
    name: 'order and resume',
    steps: [
      get('an empty list', WORKSPACES, FROM),
      create('a', WORKSPACES, workspace('a'), { keep: { made: 'metadata.resourceVersion' } }),
      create('b', WORKSPACES, workspace('b')),
      merge('a changes', at('a'), { spec: { power: 'Stopped' } }, { keep: { changed: 'metadata.resourceVersion' } }),
      merge('a does not change', at('a'), { spec: { power: 'Stopped' } }),
      merge('the status of a', `${at('a')}/status`, { status: { state: 'Stopped' } }),
      remove('b goes', at('b')),
      create('b comes again', WORKSPACES, workspace('b')),
      watched('all of it', 6, { resourceVersion: '{from}' }),
      watched('after the first', 5, { resourceVersion: '{made}' }),
      watched('after the change', 4, { resourceVersion: '{changed}' }),
      watched('what there is', 2, {}),
      watched('what there is, whatever the version', 2, { resourceVersion: '0' }),
      watched('and no more than that', 9, { ...SHORT }),
      watched('all of it, and no more', 9, { resourceVersion: '{from}', ...SHORT }),
      watched('one object', 3, { resourceVersion: '{from}', fieldSelector: 'metadata.name=a' }),
      watched('one object by its own path', 9, { resourceVersion: '{from}', ...SHORT }, at('a')),
      watched(
        'in all namespaces, of this one',
        6,
        { resourceVersion: '{from}', fieldSelector: 'metadata.namespace={ns}' },
        '/apis/bothy.dev/v1alpha1/workspaces',
      ),
      watched('another kind', 9, { resourceVersion: '{from}', fieldSelector: 'metadata.name!=kube-root-ca.crt', ...SHORT }, CONFIGMAPS),
      get('by the old path', `/apis/bothy.dev/v1alpha1/watch/namespaces/{ns}/workspaces`, { query: SHORT, events: 9 }),
    ],
  },
  {
    name: 'finalizers are seen',
    steps: [
      get('an empty list', WORKSPACES, FROM),
      create('a', WORKSPACES, workspace({ name: 'a', finalizers: ['example.com/hold'] })),
      remove('it is marked', at('a')),
      merge('and let go', at('a'), { metadata: { finalizers: null } }),
      watched('all of it', 9, { resourceVersion: '{from}', ...SHORT }),
    ],
  },
  {
    name: 'selections',
    steps: [
      get('an empty list', WORKSPACES, FROM),
      create('outside', WORKSPACES, workspace('a')),
      merge('comes in', at('a'), { metadata: { labels: { in: 'yes' } } }),
      merge('changes inside', at('a'), { spec: { power: 'Stopped' } }),
      merge('goes out', at('a'), { metadata: { labels: { in: 'no' } } }),
      merge('changes outside', at('a'), { spec: { power: 'Auto' } }),
      merge('comes in again', at('a'), { metadata: { labels: { in: 'yes' } } }),
      remove('goes', at('a')),
      watched('by the label', 9, { resourceVersion: '{from}', labelSelector: 'in=yes', ...SHORT }),
      watched('by its absence', 9, { resourceVersion: '{from}', labelSelector: '!in', ...SHORT }),
      watched('by an owner', 9, { resourceVersion: '{from}', fieldSelector: 'spec.owner=ada', ...SHORT }),
      watched('by another owner', 9, { resourceVersion: '{from}', fieldSelector: 'spec.owner=bea', ...SHORT }),
      watched('by a label of a wrong shape', 1, { resourceVersion: '{from}', labelSelector: 'a in b' }),
      watched('by a field nobody offers', 1, { resourceVersion: '{from}', fieldSelector: 'spec.power=Auto' }),
    ],
  },
  {
    name: 'options of watches',
    steps: [
      create('a', WORKSPACES, workspace('a')),
      watched('from a version that is no number', 1, { resourceVersion: 'x' }),
      watched('from a version below zero', 1, { resourceVersion: '-1' }),
      watched('a time that is no number', 1, { timeoutSeconds: 'x' }),
      watched('bookmarks that are no boolean', 1, { allowWatchBookmarks: 'x' }),
      watched('the beginning is told to be over', 2, {
        sendInitialEvents: 'true',
        allowWatchBookmarks: 'true',
        resourceVersionMatch: 'NotOlderThan',
      }),
      watched('the beginning of a version', 2, {
        sendInitialEvents: 'true',
        allowWatchBookmarks: 'true',
        resourceVersionMatch: 'NotOlderThan',
        resourceVersion: '0',
      }),
      watched('the beginning of a version that is not there yet', 2, {
        sendInitialEvents: 'true',
        allowWatchBookmarks: 'true',
        resourceVersionMatch: 'NotOlderThan',
        resourceVersion: AHEAD,
      }),
      watched('no beginning, from a version that is not there yet', 2, {
        sendInitialEvents: 'false',
        allowWatchBookmarks: 'true',
        resourceVersionMatch: 'NotOlderThan',
        resourceVersion: AHEAD,
        ...SHORT,
      }),
      watched('from a version that is not there yet', 2, { resourceVersion: AHEAD, ...SHORT }),
      get('one object of a version that is not there yet', at('a'), { query: { resourceVersion: AHEAD } }),
      watched('the beginning without a match', 2, { sendInitialEvents: 'true', allowWatchBookmarks: 'true' }),
      watched('the beginning without bookmarks', 2, { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', ...SHORT }),
      watched('no beginning', 2, {
        sendInitialEvents: 'false',
        allowWatchBookmarks: 'true',
        resourceVersionMatch: 'NotOlderThan',
        ...SHORT,
      }),
      watched('a match without a beginning', 2, { resourceVersionMatch: 'NotOlderThan', resourceVersion: '0' }),
      watched('an exact match', 2, {
        sendInitialEvents: 'true',
        allowWatchBookmarks: 'true',
        resourceVersionMatch: 'Exact',
        resourceVersion: '1',
      }),
      get('a beginning of a list', WORKSPACES, { query: { sendInitialEvents: 'true' } }),
      watched('a limit', 1, { limit: '1', resourceVersion: '0' }),
      watched('a token', 1, { continue: 'x', resourceVersion: '0' }),
      watched('a namespace that is not there', 1, { ...SHORT }, WORKSPACES.replace('{ns}', 'nowhere-{run}')),
      create('a config map', CONFIGMAPS, configMap('c')),
      watched('config maps', 1, { fieldSelector: 'metadata.name!=kube-root-ca.crt' }, CONFIGMAPS),
      watched('a kind nobody knows', 1, {}, WORKSPACES.replace('workspaces', 'unicorns')),
      get('one object, watched', at('a'), { query: { watch: 'true', ...SHORT }, events: 3 }),
    ],
  },
]
