import type { Scenario, Step } from '../harness/step.ts'
import { create, get, merge, remove, workspace, WORKSPACES } from './make.ts'

/** Of which version a list is, and where a watch begins: whatever can be said about it, with everything else that can be said about it. */

type Query = Readonly<Record<string, string>>

/** Nobody writes so much. */
const AHEAD = '99999999999'

const VERSIONS_OF_WATCHES: Readonly<Record<string, Query>> = {
  'no version': {},
  'version 0': { resourceVersion: '0' },
  'an old version': { resourceVersion: '{old}' },
  'the newest version': { resourceVersion: '{last}' },
  'a version that is not there yet': { resourceVersion: AHEAD },
  'no number': { resourceVersion: 'x' },
  'a number below zero': { resourceVersion: '-1' },
}

const VERSIONS: typeof VERSIONS_OF_WATCHES = { ...VERSIONS_OF_WATCHES, 'the version of a change': { resourceVersion: '{changed}' } }

const MATCHES: Readonly<Record<string, Query>> = {
  'no match': {},
  exact: { resourceVersionMatch: 'Exact' },
  'not older': { resourceVersionMatch: 'NotOlderThan' },
  'a match nobody knows': { resourceVersionMatch: 'Roughly' },
}

const PAGES: Readonly<Record<string, Query>> = {
  whole: {},
  'two of them': { limit: '2' },
  'from a token': { continue: '{token}' },
  'two from a token': { limit: '2', continue: '{token}' },
}

const BEGINNINGS: Readonly<Record<string, Query>> = {
  'nothing said': {},
  'with a beginning': { sendInitialEvents: 'true', allowWatchBookmarks: 'true' },
  'with a beginning and no bookmarks': { sendInitialEvents: 'true' },
  'without a beginning': { sendInitialEvents: 'false', allowWatchBookmarks: 'true' },
}

const every = (...all: readonly Readonly<Record<string, Query>>[]): readonly (readonly [string, Query])[] =>
  all.reduce<readonly (readonly [string, Query])[]>(
    (before, next) =>
      before.flatMap(([said, query]) =>
        Object.entries(next).map(([words, more]) => [said === '' ? words : `${said}, ${words}`, { ...query, ...more }] as const),
      ),
    [['', {}]],
  )

/**
 * Someone reads page by page, so what was is kept; then everything changes. Standalone keeps it from the first page on, and what
 * scenarios before this one have left is cleared away meanwhile: what is to be read later comes after a page.
 */
const CHANGES: readonly Step[] = [
  ...['a', 'b', 'c'].map((name) => create(`${name} is made`, WORKSPACES, workspace(name))),
  get('a page before', WORKSPACES, { query: { limit: '2' } }),
  create('d is made', WORKSPACES, workspace('d'), { keep: { old: 'metadata.resourceVersion' } }),
  get('a page', WORKSPACES, { query: { limit: '2' }, keep: { token: 'metadata.continue' } }),
  merge('a changes', `${WORKSPACES}/a`, { spec: { power: 'Stopped' } }, { keep: { changed: 'metadata.resourceVersion' } }),
  create('bb comes', WORKSPACES, workspace('bb')),
  remove('d goes', `${WORKSPACES}/d`),
  merge('b changes', `${WORKSPACES}/b`, { spec: { power: 'Stopped' } }, { keep: { last: 'metadata.resourceVersion' } }),
]

const WATCHED = { watch: 'true', timeoutSeconds: '1' }

export const VERSIONED: readonly Scenario[] = [
  {
    name: 'versions of lists',
    steps: [...CHANGES, ...every(VERSIONS, MATCHES, PAGES).map(([does, query]) => get(does, WORKSPACES, { query }))],
  },
  {
    name: 'versions of watches',
    steps: [
      ...CHANGES,
      ...every(VERSIONS_OF_WATCHES, MATCHES, BEGINNINGS).map(([does, query]) =>
        get(does, WORKSPACES, { query: { ...WATCHED, ...query }, events: 12 }),
      ),
    ],
  },
]
