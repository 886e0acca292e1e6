import type { Kind } from '../../crds/kinds.ts'
import { refusedInvalid, required } from '../../crds/schema/causes.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { isRefused, Refused } from '../kernel/errors.ts'
import { sha256 } from '../kernel/names.ts'
import { drafted, writableKind } from './asked.ts'
import { refuseForeignChange, refuseSecondDeclarer, withMarksOf, withoutOrphanedMarks } from './declared.ts'
import type { KubernetesAnswer, KubernetesConnection } from './kubernetes-connection.ts'
import { objectFrom, pathOf, type Where } from './kubernetes-objects.ts'
import { mergePatch } from './merge-patch.ts'
import type { Cluster, DeleteOptions, Draft, Resource, WriteOptions, Writer } from './port.ts'
import { conflict, MODIFIED } from './refusals.ts'

/**
 * Writes are requests to the API server, each in the name of its field manager. What one declarer an object means is judged here,
 * before the request, by the same functions as without a cluster; the version that was judged goes along, so that a change in
 * between is judged again.
 */

type Writes = Pick<Cluster, 'create' | 'replace' | 'apply' | 'patch' | 'patchStatus' | 'delete'>

export interface WritePorts {
  readonly connection: Pick<KubernetesConnection, 'request'>
  readonly get: (kind: Kind, where: Where) => Promise<Resource | null>
  /** Asked before each write, and what it answers told of the object as it was written. */
  readonly writing: (kind: Kind) => (object: Resource) => void
}

const MERGE_PATCH = 'application/merge-patch+json'
const APPLY_PATCH = 'application/apply-patch+yaml'
const TRIES_MAX = 20
const MANAGER_LENGTH_MAX = 128

export function createWrites(ports: WritePorts): Writes {
  return {
    async create(given, writer, options = {}) {
      const { kind, draft } = drafted(given)
      // The server would answer 500, which reads as if it were ill.
      if (draft.metadata.resourceVersion) throw new Refused('InternalError', 'resourceVersion should not be set on objects to be created')
      refuseForeignChange(kind, null, asResource(draft), writer)
      return write(ports, kind, { method: 'POST', where: { namespace: homeOf(kind, draft) }, body: draft, writer, options })
    },
    replace: (given, writer, options = {}) => replace(ports, given, writer, options),
    apply: (given, writer, options = {}) => apply(ports, given, writer, options),
    patch: (name, namespace, object, patch, writer, options = {}) =>
      patchObject(ports, writableKind(name), { namespace, name: object }, patch, writer, options),
    async patchStatus(name, namespace, object, patch, writer, options = {}) {
      const kind = writableKind(name)
      if (!kind.hasStatus) throw new Refused('NotFound', `${kind.plural} have no status of their own to write`)
      if (!isJsonObject(patch)) throw notAnObject()
      const { resourceVersion } = isJsonObject(patch['metadata']) ? patch['metadata'] : {}
      const body = { ...(resourceVersion === undefined ? {} : { metadata: { resourceVersion } }), status: patch['status'] }
      const where = { namespace, name: object, subresource: 'status' } as const
      return write(ports, kind, { method: 'PATCH', where, body, contentType: MERGE_PATCH, writer, options })
    },
    delete: (name, namespace, object, writer, options = {}) =>
      remove(ports, writableKind(name), { namespace, name: object }, writer, options),
  }
}

const notAnObject = (): Refused => new Refused('BadRequest', 'a merge patch must be a JSON object')

const homeOf = (kind: Kind, draft: Draft): string => (kind.namespaced ? draft.metadata.namespace || 'default' : '')

/** A draft looks like what it becomes, where declarations are judged. */
const asResource = (draft: Draft): Resource => draft as unknown as Resource

interface Request {
  readonly method: 'POST' | 'PUT' | 'PATCH'
  readonly where: Where
  readonly body: unknown
  readonly contentType?: string
  readonly force?: boolean
  readonly writer: Writer
  readonly options: WriteOptions
}

async function write(ports: WritePorts, kind: Kind, request: Request): Promise<Resource> {
  const { method, where, body, contentType, force, writer, options } = request
  const query = {
    fieldManager: managerOf(writer),
    fieldValidation: options.fieldValidation ?? 'Warn',
    dryRun: options.dryRun ? 'All' : undefined,
    force: force === undefined ? undefined : String(force),
  }
  const path = pathOf(kind, where)
  const wrote = ports.writing(kind)
  const answer: KubernetesAnswer<unknown> = await ports.connection.request({
    method,
    path,
    query,
    body,
    ...(contentType ? { contentType } : {}),
  })
  for (const warning of answer.warnings) options.warn?.(warning)
  const object = objectFrom(kind, answer.body)
  if (!options.dryRun) wrote(object)
  return object
}

/** Each source is a manager of its own: what it leaves out is taken away, and two of them can be told apart. */
export function managerOf({ manager, declarer }: Writer): string {
  const name = declarer === undefined ? manager : `${manager}:${declarer}`
  return name.length <= MANAGER_LENGTH_MAX ? name : `${name.slice(0, MANAGER_LENGTH_MAX - 33)}:${sha256(name).slice(0, 32)}`
}

async function replace(ports: WritePorts, given: Draft, writer: Writer, options: WriteOptions): Promise<Resource> {
  const { kind, draft } = drafted(given)
  const where = { namespace: homeOf(kind, draft), name: draft.metadata.name ?? '' }
  const old = await ports.get(kind, where)
  if (!old) return write(ports, kind, { method: 'PUT', where, body: draft, writer, options })
  const next = { ...draft, metadata: withMarksOf(old, draft.metadata, writer) }
  // The version that the draft was made from is the one that was judged, or the server refuses it.
  if (draft.metadata.resourceVersion === old.metadata.resourceVersion) {
    refuseSecondDeclarer(kind, old, writer)
    refuseForeignChange(kind, old, asResource(next), writer)
  }
  return write(ports, kind, { method: 'PUT', where, body: next, writer, options })
}

async function patchObject(
  ports: WritePorts,
  kind: Kind,
  where: Where,
  patch: unknown,
  writer: Writer,
  options: WriteOptions,
): Promise<Resource> {
  if (!isJsonObject(patch)) throw notAnObject()
  const { status: _status, ...body } = patch
  const request = { method: 'PATCH', where, contentType: MERGE_PATCH, writer, options } as const
  if (!touchesDeclaration(body, writer)) return write(ports, kind, { ...request, body })
  const given = isJsonObject(body['metadata']) ? body['metadata'] : {}
  return judged(ports, kind, where, given['resourceVersion'] !== undefined, async (old) => {
    if (!old) return write(ports, kind, { ...request, body })
    refuseSecondDeclarer(kind, old, writer)
    const next = asResource(mergePatch(old, body) as Draft)
    refuseForeignChange(kind, old, next, writer)
    const { resourceVersion } = old.metadata
    const metadata = { resourceVersion, ...given, ...withoutMarks(old, next, given['annotations']) }
    return write(ports, kind, { ...request, body: { ...body, metadata } })
  })
}

/** Finalizers and labels of other people are nobody's declaration: no look is needed first. */
function touchesDeclaration(patch: Readonly<Record<string, unknown>>, { declarer }: Writer): boolean {
  const { labels, annotations } = isJsonObject(patch['metadata']) ? patch['metadata'] : {}
  const named = [labels, annotations].flatMap((each) => (isJsonObject(each) ? Object.keys(each) : each === null ? ['bothy.dev/'] : []))
  return declarer !== undefined || 'spec' in patch || named.some((name) => name.startsWith('bothy.dev/'))
}

/** Who takes a declaration off takes all marks of its source off. */
function withoutMarks(old: Resource, next: Resource, given: unknown): { annotations?: unknown } {
  const left = withoutOrphanedMarks(old, next.metadata).annotations ?? {}
  const orphaned = Object.keys(next.metadata.annotations ?? {}).filter((name) => !Object.hasOwn(left, name))
  if (orphaned.length === 0) return {}
  return { annotations: { ...(isJsonObject(given) ? given : {}), ...Object.fromEntries(orphaned.map((name) => [name, null])) } }
}

/**
 * Server-side apply. A source takes the fields it declares from whoever had them, once it is clear that no other source declares
 * the object; what is not there yet it only takes if nobody makes it meanwhile. Everybody else is told whose a field is.
 */
async function apply(ports: WritePorts, given: Draft, writer: Writer, options: WriteOptions): Promise<Resource> {
  const { kind, draft } = drafted(given)
  const where = { namespace: homeOf(kind, draft), name: draft.metadata.name ?? '' }
  if (where.name === '') throw refusedInvalid(kind, 'Unknown', [required('metadata.name', 'name is required')])
  const { status: _status, ...declared } = { status: undefined, ...draft }
  const request = { method: 'PATCH', where, contentType: APPLY_PATCH, writer, options } as const
  return judged(ports, kind, where, draft.metadata.resourceVersion !== undefined, async (old) => {
    if (!old) {
      refuseForeignChange(kind, null, asResource(draft), writer)
      return write(ports, kind, { ...request, body: declared, force: false })
    }
    refuseSecondDeclarer(kind, old, writer)
    const { labels, annotations } = draft.metadata
    refuseForeignChange(kind, old, asResource(mergePatch(old, { metadata: { labels, annotations }, spec: draft.spec }) as Draft), writer)
    const { resourceVersion } = old.metadata
    const body = { ...declared, metadata: { resourceVersion, ...declared.metadata } }
    return write(ports, kind, { ...request, body, force: writer.declarer !== undefined })
  })
}

/** Reads, judges and writes what was judged; again when another wrote in between, unless the caller named a version itself. */
async function judged(
  ports: WritePorts,
  kind: Kind,
  where: Where,
  pinned: boolean,
  act: (old: Resource | null) => Promise<Resource>,
): Promise<Resource> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const old = await ports.get(kind, where)
    try {
      return await act(old)
    } catch (error) {
      // Another manager's field stays another's however often it is asked.
      const meanwhile = isRefused(error, 'Conflict') && (old === null || (await moved(ports, kind, where, old)))
      if (pinned || !meanwhile) throw error
    }
  }
  throw conflict(kind, where.name ?? '', MODIFIED)
}

async function moved(ports: WritePorts, kind: Kind, where: Where, old: Resource): Promise<boolean> {
  const now = await ports.get(kind, where)
  return now?.metadata.resourceVersion !== old.metadata.resourceVersion
}

/** The server answers a mere success when an object is gone at once; whoever deleted it is told what it was. */
async function remove(
  ports: WritePorts,
  kind: Kind,
  where: Where,
  writer: Writer,
  { uid, resourceVersion, dryRun, propagation = 'Background' }: DeleteOptions,
): Promise<Resource> {
  const old = await ports.get(kind, where)
  if (old) refuseSecondDeclarer(kind, old, writer)
  const preconditions = { uid, resourceVersion }
  const body = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy: propagation,
    preconditions,
    ...(dryRun ? { dryRun: ['All'] } : {}),
  }
  const { body: answer } = await ports.connection.request({ method: 'DELETE', path: pathOf(kind, where), body })
  if (isJsonObject(answer) && answer['kind'] === kind.kind) return objectFrom(kind, answer)
  if (old) return old
  throw conflict(kind, where.name ?? '', MODIFIED)
}
