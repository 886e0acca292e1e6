import { SERVED, type Kind } from '../../crds/kinds.ts'
import { asksFor } from './accept.ts'
import { answerJson } from './answer.ts'
import { answerTagged } from './tagged.ts'
import type { Call, Handler } from './ports.ts'
import { REVIEWS } from './reviews.ts'

/** What is served, for clients that ask before they use it: a group at a time, or all of it at once. */

interface Served {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  readonly verbs: readonly string[]
  readonly status: boolean
}

const VERBS: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const EVENT_VERBS: readonly string[] = ['get', 'list', 'watch']
const STATUS_VERBS: readonly string[] = ['get', 'patch', 'update']

const ofKind = ({ kind, group, version, plural, singular, shortNames, categories, namespaced, hasStatus }: Kind): Served => ({
  kind,
  group,
  version,
  plural,
  singular,
  shortNames,
  categories,
  namespaced,
  verbs: kind !== 'Event' ? VERBS : group === '' ? EVENT_VERBS : ['create', ...EVENT_VERBS],
  status: hasStatus,
})

const ALL: readonly Served[] = [...SERVED.map(ofKind), ...REVIEWS]

const groupVersionOf = ({ group, version }: Pick<Served, 'group' | 'version'>): string => (group === '' ? version : `${group}/${version}`)

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)]

/** Everything served, by `group/version`, those of Kubernetes' core first. */
export const GROUP_VERSIONS: readonly string[] = unique(ALL.map(groupVersionOf)).toSorted(
  (a, b) => a.split('/').length - b.split('/').length,
)

/** By their names: the order in which a client shows what belongs together. */
const inGroupVersion = (groupVersion: string): readonly Served[] =>
  ALL.filter((each) => groupVersionOf(each) === groupVersion).toSorted((a, b) => (a.plural < b.plural ? -1 : 1))

const GROUPS: readonly string[] = unique(ALL.map(({ group }) => group)).filter((group) => group !== '')

const coreVersions: Handler = async (call) => {
  if (wantsAll(call.request)) return answerAll(call, [''])
  answerJson(call.response, 200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] })
}

const groups: Handler = async (call) => {
  if (wantsAll(call.request)) return answerAll(call, GROUPS)
  answerJson(call.response, 200, { kind: 'APIGroupList', apiVersion: 'v1', groups: GROUPS.map(groupNamed) })
}

const versionsOf = (group: string): readonly string[] => unique(ALL.filter((each) => each.group === group).map(({ version }) => version))

function groupNamed(name: string) {
  const listed = versionsOf(name).map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: listed, preferredVersion: listed[0] }
}

/** One group by itself, under its own path. */
const group =
  (name: string): Handler =>
  async ({ response }) =>
    answerJson(response, 200, { kind: 'APIGroup', apiVersion: 'v1', ...groupNamed(name) })

/** The kinds of one group and version, under its own path. */
const resourcesOf =
  (groupVersion: string): Handler =>
  async ({ response }) => {
    const resources = inGroupVersion(groupVersion).flatMap(resourcesOfKind)
    answerJson(response, 200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources })
  }

function resourcesOfKind({ kind, plural, singular, namespaced, shortNames, categories, verbs, status }: Served) {
  return [
    { name: plural, singularName: singular, namespaced, kind, verbs, ...filled({ shortNames, categories }) },
    ...(status ? [{ name: `${plural}/status`, singularName: '', namespaced, kind, verbs: STATUS_VERBS }] : []),
  ]
}

const filled = (lists: Readonly<Record<string, readonly string[]>>): object =>
  Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0))

const ALL_AT_ONCE = { g: 'apidiscovery.k8s.io', v: 'v2', as: 'APIGroupDiscoveryList' } as const

const wantsAll = (request: Call['request']): boolean => asksFor(request, ALL_AT_ONCE.g, ALL_AT_ONCE.v, ALL_AT_ONCE.as)

function answerAll(call: Call, names: readonly string[]): void {
  const { g, v, as } = ALL_AT_ONCE
  call.response.setHeader('vary', 'Accept')
  const body = { kind: as, apiVersion: `${g}/${v}`, metadata: {}, items: names.map(wholeGroup) }
  answerTagged(call, JSON.stringify(body), `application/json;g=${g};v=${v};as=${as}`)
}

function wholeGroup(name: string) {
  const versions = versionsOf(name).map((version) => ({
    version,
    resources: inGroupVersion(groupVersionOf({ group: name, version })).map(wholeResource),
    freshness: 'Current',
  }))
  return { metadata: name === '' ? { creationTimestamp: null } : { name, creationTimestamp: null }, versions }
}

function wholeResource({ group: inGroup, version, kind, plural, singular, namespaced, shortNames, categories, verbs, status }: Served) {
  const responseKind = { group: inGroup, version, kind }
  return {
    resource: plural,
    responseKind,
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    ...filled({ shortNames, categories }),
    ...(status ? { subresources: [{ subresource: 'status', responseKind, verbs: STATUS_VERBS }] } : {}),
  }
}

export const DISCOVERY: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/api': { GET: coreVersions },
  '/apis': { GET: groups },
  ...Object.fromEntries(GROUPS.map((name) => [`/apis/${name}`, { GET: group(name) }])),
  ...Object.fromEntries(GROUP_VERSIONS.map((name) => [name.includes('/') ? `/apis/${name}` : `/api/${name}`, { GET: resourcesOf(name) }])),
}
