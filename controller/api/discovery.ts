import { KINDS, type Kind } from '../../crds/kinds.ts'
import { answerJson } from './answer.ts'
import type { Handler } from './ports.ts'

/** What is served, for clients that ask before they use it. */

const SERVED_VERBS: readonly string[] = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']
const EVENT_VERBS: readonly string[] = ['get', 'list', 'watch']

export const coreVersions: Handler = async ({ response }) =>
  answerJson(response, 200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] })

export const groups: Handler = async ({ response }) => {
  const names = [...new Set(KINDS.map((kind) => kind.group).filter((group) => group !== ''))]
  answerJson(response, 200, { kind: 'APIGroupList', apiVersion: 'v1', groups: names.map(groupNamed) })
}

function groupNamed(name: string) {
  const versions = [...new Set(KINDS.filter((kind) => kind.group === name).map((kind) => kind.version))]
  const listed = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: listed, preferredVersion: listed[0] }
}

/** The kinds of one group and version, under its own path. */
export const resourcesOf =
  (groupVersion: string): Handler =>
  async ({ response }) => {
    const resources = KINDS.filter((kind) => kind.apiVersion === groupVersion).flatMap(resourcesOfKind)
    answerJson(response, 200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources })
  }

function resourcesOfKind({ kind, plural, singular, namespaced, shortNames, categories, hasStatus }: Kind) {
  const verbs = kind === 'Event' ? EVENT_VERBS : SERVED_VERBS
  return [
    { name: plural, singularName: singular, namespaced, kind, verbs, shortNames, categories },
    ...(hasStatus ? [{ name: `${plural}/status`, singularName: '', namespaced, kind, verbs: ['get', 'patch'] }] : []),
  ]
}
