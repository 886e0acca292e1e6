import { kindOf, KINDS, type Kind } from '../crds/kinds.ts'
import type { Client } from './client.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { field, isRecord, listOf, textOf, type JsonRecord } from './json.ts'

/** Objects as the API has them, and the paths where it has them. */

export interface ApiObject extends JsonRecord {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: JsonRecord & { readonly name: string }
}

export interface Ref {
  readonly kind: Kind
  readonly namespace: string
  readonly name: string
}

export function kindNamed(name: string): Kind {
  const kind = kindOf(name)
  if (kind) return kind
  const known = KINDS.map(({ plural, shortNames }) => [plural, ...shortNames].join(' or ')).join(', ')
  throw usage(`there is no kind "${name}"`, `the kinds are ${known}`)
}

/** `workspace/dev`; a bare name is one of `otherwise`, where the command has such a kind. */
export function refOf(text: string, namespace: string, otherwise?: string): Ref {
  const [first = '', second, ...more] = text.split('/')
  const [kindName, name] = second === undefined && otherwise !== undefined ? [otherwise, first] : [first, second]
  if (!name || more.length > 0)
    throw usage(`"${text}" names no object`, `write it as KIND/NAME, like workspace/${/^[\w.-]+$/.test(text) ? text : 'dev'}`)
  return { kind: kindNamed(kindName), namespace, name }
}

const NAME = /^[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,251}[a-zA-Z0-9])?$/

export function pathOf(kind: Kind, namespace: string | null, name?: string, subresource?: string): string {
  for (const part of [namespace, name]) {
    if (typeof part === 'string' && !NAME.test(part))
      throw usage(`"${part}" cannot be a name`, 'names are lower-case letters, digits and dashes')
  }
  const group = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
  const place = kind.namespaced && namespace !== null ? `/namespaces/${namespace}` : ''
  return [group + place, kind.plural, ...(name === undefined ? [] : [name]), ...(subresource === undefined ? [] : [subresource])].join('/')
}

export const pathOfRef = ({ kind, namespace, name }: Ref, subresource?: string): string => pathOf(kind, namespace, name, subresource)

/** What has to follow a name in a command, when that is not in the default namespace. */
export const inNamespace = (namespace: string): string => (namespace === 'default' ? '' : ` -n ${namespace}`)

/** `workspace/dev`, and where it is when that is not the default namespace. */
export const shownRef = ({ kind, namespace, name }: Ref): string =>
  `${kind.singular}/${name}${kind.namespaced && namespace !== 'default' ? ` in ${namespace}` : ''}`

export function refOfObject(object: ApiObject): Ref {
  const kind = kindNamed(object.kind)
  return { kind, namespace: textOf(object.metadata['namespace']) ?? '', name: object.metadata.name }
}

const isApiObject = (value: unknown): value is ApiObject =>
  isRecord(value) && typeof value['kind'] === 'string' && typeof field(value, 'metadata', 'name') === 'string'

export function objectOf(value: unknown): ApiObject {
  if (isApiObject(value)) return value
  throw new Failure(EXIT.unreachable, {
    what: 'the server answered with something that is no object',
    fix: 'see that the url is that of a control plane',
  })
}

/** The order in which people write and read an object, whatever order the server keeps. */
export function inOrder({ apiVersion, kind, metadata, spec, status, ...rest }: ApiObject): JsonRecord {
  const { name, namespace, labels, annotations, ...more } = metadata
  return { apiVersion, kind, metadata: { name, namespace, labels, annotations, ...more }, ...rest, spec, status }
}

export const getObject = async (client: Client, ref: Ref): Promise<ApiObject> => objectOf(await client.request('GET', pathOfRef(ref)))

export interface Listed {
  readonly items: readonly ApiObject[]
  readonly resourceVersion: string
}

export interface Selection {
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
}

const PAGE = '500'

/** All of a kind, page by page. `namespace` null: of every namespace. */
export async function listObjects(
  client: Client,
  kind: Kind,
  namespace: string | null,
  selection: Selection = {},
  signal?: AbortSignal,
): Promise<Listed> {
  const items: ApiObject[] = []
  let next: string | undefined
  for (;;) {
    const page = await client.request('GET', pathOf(kind, namespace), {
      query: { ...selection, limit: PAGE, continue: next },
      ...(signal ? { signal } : {}),
    })
    // Items of a list do not repeat what the list says of all of them.
    items.push(
      ...listOf(field(page, 'items')).map((item) =>
        objectOf(isRecord(item) ? { apiVersion: kind.apiVersion, kind: kind.kind, ...item } : item),
      ),
    )
    next = textOf(field(page, 'metadata', 'continue')) || undefined
    if (next === undefined) return { items, resourceVersion: textOf(field(page, 'metadata', 'resourceVersion')) ?? '' }
  }
}
