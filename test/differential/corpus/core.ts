import type { Scenario } from '../harness/step.ts'
import { create, DRY, get, IDENTITY, merge, put, remove } from './make.ts'

/** Namespaces and events, as far as a server without controllers beside it can say. */

const NAMESPACES = '/api/v1/namespaces'
const INSIDE = `${NAMESPACES}/n-{run}/configmaps`
const namespace = (metadata: object, rest: object = {}) => ({ apiVersion: 'v1', kind: 'Namespace', metadata, ...rest })

export const CORE: readonly Scenario[] = [
  {
    name: 'namespaces',
    steps: [
      create('one', NAMESPACES, namespace({ name: 'n-{run}' }), IDENTITY),
      get('it is there', `${NAMESPACES}/n-{run}`),
      create('again', NAMESPACES, namespace({ name: 'n-{run}' })),
      create('as a trial', NAMESPACES, namespace({ name: 'm-{run}' }), DRY),
      create('a name with a dot', NAMESPACES, namespace({ name: 'a.b' })),
      create('a name of 64', NAMESPACES, namespace({ name: 'n'.repeat(64) })),
      create('in upper case', NAMESPACES, namespace({ name: 'Upper' })),
      create('without a name', NAMESPACES, namespace({})),
      create('with a namespace', NAMESPACES, namespace({ name: 'k-{run}', namespace: 'default' })),
      merge('a label', `${NAMESPACES}/n-{run}`, { metadata: { labels: { a: 'b' } } }),
      put('replaced', `${NAMESPACES}/n-{run}`, namespace({ name: 'n-{run}', labels: { c: 'd' } })),
      put('an old version', `${NAMESPACES}/n-{run}`, namespace({ name: 'n-{run}', resourceVersion: '1' })),
      get('one that is not there', `${NAMESPACES}/absent-{run}`),
      remove('deleted as a trial', `${NAMESPACES}/n-{run}`, undefined, DRY),
      create('something that holds it', INSIDE, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'held', finalizers: ['example.com/hold'] },
      }),
      remove('it is marked', `${NAMESPACES}/n-{run}`),
      create('nothing new in it', INSIDE, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'late' },
      }),
      remove('what holds it is deleted', `${INSIDE}/held`),
      merge('what held it is let go', `${INSIDE}/held`, { metadata: { finalizers: null } }),
      remove('default stays', `${NAMESPACES}/default`, undefined, DRY),
      remove('all of them', NAMESPACES),
      remove('deleted, one that is not there', `${NAMESPACES}/absent-{run}`),
    ],
  },
  {
    name: 'events',
    steps: [
      get('none', '/apis/events.k8s.io/v1/namespaces/{ns}/events'),
      get('by what they regard', '/apis/events.k8s.io/v1/namespaces/{ns}/events', {
        query: { fieldSelector: 'regarding.name=a,regarding.kind=Workspace' },
      }),
      get('by a field nobody offers', '/apis/events.k8s.io/v1/namespaces/{ns}/events', { query: { fieldSelector: 'note=a' } }),
      get('one that is not there', '/apis/events.k8s.io/v1/namespaces/{ns}/events/a'),
      get('by core, none', '/api/v1/namespaces/{ns}/events'),
      get('by core, of an object', '/api/v1/namespaces/{ns}/events', {
        query: {
          fieldSelector:
            'involvedObject.name=a,involvedObject.namespace={ns},involvedObject.kind=Workspace,involvedObject.uid=00000000-0000-4000-8000-000000000001',
        },
      }),
      get('by core, by a field nobody offers', '/api/v1/namespaces/{ns}/events', { query: { fieldSelector: 'message=a' } }),
      get('by core, one that is not there', '/api/v1/namespaces/{ns}/events/a'),
    ],
  },
]
