import type { Kind } from '../../crds/kinds.ts'

/** The paths of a kind, as OpenAPI. kubectl looks for the kind of each, and for what may be asked besides. Pure. */

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'

interface Parameter {
  readonly name: string
  readonly in: 'query' | 'path'
  readonly description: string
  readonly required?: true
  readonly schema: { readonly type: string; readonly uniqueItems: true }
}

const query = (name: string, description: string, type = 'string'): Parameter => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
})

const inPath = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  description,
  required: true,
  schema: { type: 'string', uniqueItems: true },
})

const WRITING: readonly Parameter[] = [
  query('dryRun', 'All: nothing is kept of the change. Its answer is what it would be.'),
  query('fieldManager', 'A name for who makes the change: at most 128 printable characters.'),
  query(
    'fieldValidation',
    'What becomes of fields that the kind has not: Strict refuses them, Warn drops them and says so, Ignore drops them.',
  ),
]

const LISTING: readonly Parameter[] = [
  query('allowWatchBookmarks', 'Whether a watch may be told how far it is while nothing changes.', 'boolean'),
  query('continue', 'Where a list goes on: what the page before has said.'),
  query('fieldSelector', 'Those with these values in fields that can be selected by.'),
  query('labelSelector', 'Those with these labels.'),
  query('limit', 'How many at most, in one page.', 'integer'),
  query('resourceVersion', 'A watch begins after this version.'),
  query('resourceVersionMatch', 'Taken and not needed: every list is of the present.'),
  query('sendInitialEvents', 'Whether a watch begins with what is there.', 'boolean'),
  query('timeoutSeconds', 'When a watch ends.', 'integer'),
  query('watch', 'Changes as they come, in place of a list.', 'boolean'),
]

export interface Names {
  /** What schemas of the kind and of its lists are called. */
  readonly schema: string
  readonly list: string
}

interface Asked {
  readonly action: string
  readonly id: string
  readonly description: string
  readonly answer: string
  readonly parameters?: readonly Parameter[]
  readonly body?: string
  readonly bodyTypes?: readonly string[]
  readonly codes?: readonly number[]
}

export function pathsOf(kind: Kind, names: Names): Record<string, object> {
  const { group, version, plural, namespaced } = kind
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const collection = `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`
  const place = namespaced ? [inPath('namespace', 'object name and auth scope, such as for teams and projects')] : []
  const named = [inPath('name', `name of the ${kind.kind}`), ...place]
  const operation = operationsFor(kind)
  const isEvent = kind.kind === 'Event'
  const { schema, list } = names
  const listed = { action: 'list', id: 'list', description: `list objects of kind ${kind.kind}`, answer: list, parameters: LISTING }
  const created = {
    action: 'post',
    id: 'create',
    description: `create a ${kind.kind}`,
    answer: schema,
    parameters: WRITING,
    body: schema,
    codes: [200, 201, 202],
  }
  const gone = {
    action: 'deletecollection',
    id: 'deleteCollection',
    description: `delete collection of ${kind.kind}`,
    answer: `${META}.Status`,
    parameters: LISTING,
  }
  return {
    [collection]: {
      get: operation(listed),
      ...(isEvent && group === '' ? {} : { post: operation(created) }),
      ...(isEvent ? {} : { delete: operation(gone) }),
      parameters: place,
    },
    [`${collection}/{name}`]: { ...oneOf(operation, kind, schema, ''), parameters: named },
    ...(kind.hasStatus ? { [`${collection}/{name}/status`]: { ...oneOf(operation, kind, schema, 'Status'), parameters: named } } : {}),
    ...(namespaced ? { [`${root}/${plural}`]: { get: operation({ ...listed, id: 'listForAllNamespaces' }), parameters: [] } } : {}),
  }
}

type Operation = (asked: Asked) => object

function oneOf(operation: Operation, { kind, group }: Kind, schema: string, part: '' | 'Status'): object {
  const of = part === '' ? `the specified ${kind}` : `status of the specified ${kind}`
  const read = operation({ action: 'get', id: `read${part}`, description: `read ${of}`, answer: schema })
  const patches = ['application/json-patch+json', 'application/merge-patch+json']
  const replaced = {
    action: 'put',
    id: `replace${part}`,
    description: `replace ${of}`,
    answer: schema,
    parameters: WRITING,
    body: schema,
    codes: [200, 201],
  }
  const patched = {
    action: 'patch',
    id: `patch${part}`,
    description: `partially update ${of}`,
    answer: schema,
    parameters: WRITING,
    body: `${META}.Patch`,
    bodyTypes: group === '' ? [...patches, 'application/strategic-merge-patch+json'] : patches,
  }
  const gone = {
    action: 'delete',
    id: 'delete',
    description: `delete a ${kind}`,
    answer: `${META}.Status`,
    parameters: WRITING.slice(0, 1),
    body: `${META}.DeleteOptions`,
    codes: [200, 202],
  }
  // Nobody patches events; whoever creates one looks there for what may be asked of a write.
  if (kind === 'Event') return { get: read, patch: operation(patched) }
  return { get: read, put: operation(replaced), ...(part === '' ? { delete: operation(gone) } : {}), patch: operation(patched) }
}

const operationsFor =
  ({ kind, group, version }: Kind): Operation =>
  ({ action, id, description, answer, parameters, body, bodyTypes = ['application/json'], codes = [200] }) => {
    const content = { 'application/json': { schema: reference(answer) } }
    const answers = codes.map((code) => [
      String(code),
      { description: code === 200 ? 'OK' : code === 201 ? 'Created' : 'Accepted', content },
    ])
    const bodies = bodyTypes.map((type) => [type, { schema: reference(body ?? '') }])
    return {
      description,
      operationId: `${id}${kind}${version}${group.replaceAll(/\W/g, '')}`,
      ...(parameters ? { parameters } : {}),
      ...(body === undefined ? {} : { requestBody: { content: Object.fromEntries(bodies), required: action !== 'delete' } }),
      responses: { ...Object.fromEntries(answers), 401: { description: 'Unauthorized' } },
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': { group, version, kind },
    }
  }
