import type { Scenario, Step } from '../harness/step.ts'
import { create, get, merge, owner, OWNERS, put, remove, template, TEMPLATES, VERSION, workspace, WORKSPACES, type Fields } from './make.ts'

/** Unknown fields, nulls, defaults, numbers, repeated keys: what becomes of a document before anybody looks at its values. */

const A = `${WORKSPACES}/a`
const POLICIES = ['Strict', 'Warn', 'Ignore'] as const

const typo = (name: string): Fields => ({
  ...workspace({ name, labls: {} }, { ownr: 'x', template: { name: 'node', nmae: 'x' } }),
  extra: 1,
})

const underEach = (step: (policy: string) => Step): readonly Step[] =>
  POLICIES.map((policy) => {
    const made = step(policy)
    return { ...made, does: `${made.does}, ${policy}`, query: { ...made.query, fieldValidation: policy } }
  })

const repeated = (name: string) =>
  `{"apiVersion":"bothy.dev/v1alpha1","kind":"Workspace","metadata":{"name":"${name}","labels":{"a":"1","a":"2"}},"spec":{"owner":"ada","power":"Auto","power":"Stopped","template":{"name":"node"}}}`

export const DECODE: readonly Scenario[] = [
  {
    name: 'unknown fields',
    steps: [
      ...underEach((policy) => create('created', WORKSPACES, typo(policy.toLowerCase()))),
      create('created without a word', WORKSPACES, typo('a')),
      create('created under a policy nobody knows', WORKSPACES, typo('b'), { query: { fieldValidation: 'Loose' } }),
      // What was only created lacks its status where it is stored: any write completes it, and makes a version.
      merge('written once', A, { metadata: { labels: { gone: null } } }),
      get('kept', A, VERSION),
      ...underEach(() => put('replaced', A, { ...typo('a'), metadata: { name: 'a', resourceVersion: '{rv}', labls: {} } })),
      put('replaced without a word', A, { ...typo('a'), metadata: { name: 'a', resourceVersion: '{rv}', labls: {} } }),
      ...underEach(() => merge('patched', A, { extra: 1, metadata: { labls: {} }, spec: { ownr: 'x' } })),
      merge('patched without a word', A, { spec: { ownr: 'x' } }),
      merge('an unknown field of an unknown field', A, { spec: { a: { b: { c: 1 } } } }, { query: { fieldValidation: 'Strict' } }),
      create(
        'in a list',
        TEMPLATES,
        template('t', {
          variables: [
            { name: 'a', value: '1', val: '2' },
            { name: 'b', value: '1', val: '2' },
          ],
        }),
        { query: { fieldValidation: 'Strict' } },
      ),
      create('one that every object of a language has', WORKSPACES, workspace('e', { constructor: 1, toString: 2 }), {
        query: { fieldValidation: 'Strict' },
      }),
      create(
        'in an owner reference',
        WORKSPACES,
        workspace({
          name: 'f',
          ownerReferences: [
            { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: '00000000-0000-4000-8000-000000000001', cntroller: true },
          ],
        }),
        { query: { fieldValidation: 'Strict', dryRun: 'All' } },
      ),
      {
        does: 'one called __proto__',
        method: 'POST',
        path: WORKSPACES,
        raw: '{"apiVersion":"bothy.dev/v1alpha1","kind":"Workspace","metadata":{"name":"g"},"spec":{"owner":"ada","template":{"name":"node"},"__proto__":{"power":"Stopped"}}}',
      },
      {
        does: 'a parameter called __proto__',
        method: 'POST',
        path: WORKSPACES,
        raw: '{"apiVersion":"bothy.dev/v1alpha1","kind":"Workspace","metadata":{"name":"h"},"spec":{"owner":"ada","template":{"name":"node"},"parameters":{"__proto__":"1","constructor":"2"}}}',
      },
    ],
  },
  {
    name: 'repeated keys',
    steps: POLICIES.map((policy) => ({
      does: policy,
      method: 'POST',
      path: WORKSPACES,
      raw: repeated(policy.toLowerCase()),
      query: { fieldValidation: policy },
    })),
  },
  {
    name: 'nulls',
    steps: [
      create('for what has a default', WORKSPACES, workspace('a', { power: null, schedule: null, parameters: null })),
      create('for what has none', WORKSPACES, workspace('b', { preset: null, schedule: { ttl: null } })),
      create('for what is required', WORKSPACES, workspace('c', { template: { name: null } })),
      create('in a map', WORKSPACES, workspace('d', { parameters: { a: null, b: '1' } })),
      create('in a list', TEMPLATES, template('e', { allowedNamespaces: ['x', null] })),
      create('for an item of a list of objects', TEMPLATES, template('f', { variables: [null] })),
      create('in labels', WORKSPACES, workspace({ name: 'g', labels: { a: null } })),
      create('for labels', WORKSPACES, workspace({ name: 'h', labels: null, annotations: null, finalizers: null, ownerReferences: null })),
      create('for an unknown field, strict', WORKSPACES, workspace('i', { unknown: null }), { query: { fieldValidation: 'Strict' } }),
    ],
  },
  {
    name: 'defaults',
    steps: [
      create('of a workspace', WORKSPACES, {
        apiVersion: 'bothy.dev/v1alpha1',
        kind: 'Workspace',
        metadata: { name: 'a' },
        spec: { template: { name: 'node' } },
      }),
      create('of a template', TEMPLATES, template('b')),
      create(
        'below what is given',
        TEMPLATES,
        template('c', { schedule: { idleAfter: { min: '1h' } }, version: {}, drift: { interval: '1h' } }),
      ),
      create('of a place in a repository', TEMPLATES, template('d', { source: { type: 'Repository', repository: { name: 'r' } } })),
      create('of an owner', OWNERS, owner('d-{run}', { suspended: true })),
      remove('the owner goes', `${OWNERS}/d-{run}`),
      get('when it is read', A),
    ],
  },
  {
    name: 'numbers',
    steps: ['10', '10.0', '1e1', '1.5', '0', '17', '"10"', '9007199254740993', '1e400', '-1', 'true'].map((text, i) => ({
      does: text,
      method: 'POST' as const,
      path: TEMPLATES,
      raw: JSON.stringify(template(`n${i}`, { schedule: { requirement: { weeks: '@' } } })).replace('"@"', text),
    })),
  },
  {
    name: 'list types',
    steps: [
      create('a set with a repeat', TEMPLATES, template('a', { allowedNamespaces: ['x', 'y', 'x'] })),
      create('a set with two repeats', TEMPLATES, template('a', { allowedNamespaces: ['x', 'y', 'x', 'y'] })),
      create(
        'a map with a repeat',
        TEMPLATES,
        template('a', {
          variables: [
            { name: 'x', value: '1' },
            { name: 'x', value: '2' },
          ],
        }),
      ),
      create(
        'the order is kept',
        TEMPLATES,
        template('b', {
          allowedNamespaces: ['y', 'x'],
          variables: [
            { name: 'z', value: '1' },
            { name: 'a', value: '2' },
          ],
        }),
      ),
      create('an empty one', TEMPLATES, template('c', { allowedNamespaces: [], variables: [] })),
      create('a list for an object', TEMPLATES, template('d', { source: [] })),
      create('an object for a list', TEMPLATES, template('d', { variables: {} })),
      create('lists in lists', TEMPLATES, template('d', { allowedNamespaces: [['x']] })),
    ],
  },
  {
    name: 'metadata',
    steps: [
      create('labels of numbers', WORKSPACES, workspace({ name: 'a', labels: { n: 1 } })),
      create('labels that are a list', WORKSPACES, workspace({ name: 'a', labels: ['x'] })),
      create('a label key of a wrong shape', WORKSPACES, workspace({ name: 'a', labels: { 'a b': 'c' } })),
      create('a label key with two slashes', WORKSPACES, workspace({ name: 'a', labels: { 'a/b/c': 'd' } })),
      create('a label key with an empty prefix', WORKSPACES, workspace({ name: 'a', labels: { '/b': 'd' } })),
      create('a label key with an empty name', WORKSPACES, workspace({ name: 'a', labels: { 'a/': 'd' } })),
      create('a label key of 64', WORKSPACES, workspace({ name: 'a', labels: { ['k'.repeat(64)]: 'd' } })),
      create('a label key with a prefix of 254', WORKSPACES, workspace({ name: 'a', labels: { [`${'k'.repeat(254)}/a`]: 'd' } })),
      create('an empty label key', WORKSPACES, workspace({ name: 'a', labels: { '': 'd' } })),
      create('a label of a wrong shape', WORKSPACES, workspace({ name: 'a', labels: { a: 'b c' } })),
      create('a label of 64', WORKSPACES, workspace({ name: 'a', labels: { a: 'v'.repeat(64) } })),
      create('an empty label', WORKSPACES, workspace({ name: 'l1', labels: { a: '' } })),
      create('an annotation key in upper case', WORKSPACES, workspace({ name: 'l2', annotations: { 'Example.com/Key': 'x' } })),
      create('an annotation key of a wrong shape', WORKSPACES, workspace({ name: 'a', annotations: { 'a b': 'x' } })),
      create('an annotation of bytes', WORKSPACES, workspace({ name: 'l3', annotations: { a: 'é\u0000\n😀' } })),
      create('annotations that are too much', WORKSPACES, workspace({ name: 'a', annotations: { a: 'x'.repeat(256 * 1024) } })),
      create('an annotation of a number', WORKSPACES, workspace({ name: 'a', annotations: { a: 1 } })),
      create('a finalizer of a wrong shape', WORKSPACES, workspace({ name: 'a', finalizers: ['a b'] })),
      create('a finalizer without a prefix', WORKSPACES, workspace({ name: 'a', finalizers: ['hold'] })),
      create('a finalizer twice', WORKSPACES, workspace({ name: 'l4', finalizers: ['example.com/a', 'example.com/a'] })),
      create('a finalizer that is empty', WORKSPACES, workspace({ name: 'a', finalizers: [''] })),
      create('finalizers of foreground and orphans', WORKSPACES, workspace({ name: 'a', finalizers: ['foregroundDeletion', 'orphan'] })),
      create('finalizers that are a text', WORKSPACES, workspace({ name: 'a', finalizers: 'hold' })),
      create('a name that is a number', WORKSPACES, workspace({ name: 1 })),
      create('a namespace of a wrong shape', WORKSPACES, workspace({ name: 'a', namespace: 'A B' })),
      create('metadata that is a text', WORKSPACES, { ...workspace('a'), metadata: 'a' }),
      create('metadata that is a list', WORKSPACES, { ...workspace('a'), metadata: [] }),
      create('a generation that is a text', WORKSPACES, workspace({ name: 'a', generation: 'x' })),
      create('a creation that is no time', WORKSPACES, workspace({ name: 'a', creationTimestamp: 'yesterday' })),
      create('an unknown field of metadata', WORKSPACES, workspace({ name: 'l5', unknown: 1 })),
      remove('the held one goes', `${WORKSPACES}/l4`),
      merge('and is let go', `${WORKSPACES}/l4`, { metadata: { finalizers: null } }),
    ],
  },
]
