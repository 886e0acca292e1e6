import type { Kind } from '../../crds/kinds.ts'
import { invalid, refusedInvalid } from '../../crds/schema/causes.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { declarationOf, describeDeclaration } from '../cluster/declared.ts'
import { draftFrom } from '../cluster/draft.ts'
import type { Draft, ListOptions, Page, Resource, WriteOptions, Writer } from '../cluster/port.ts'
import { pageOf, pagesOf as wholeList } from '../cluster/pages.ts'
import { otherName, otherNamespace } from '../cluster/refusals.ts'
import { isRefused, messageOf, Refused } from '../kernel/errors.ts'
import { keyOf } from '../kernel/names.ts'
import { audit } from '../store/audit.ts'
import { answerJson, success } from './answer.ts'
import { expectMediaType, mediaTypeOf, readBody, readJson } from './body.ts'
import { refuseForeignRequest } from './elsewhere.ts'
import { isTrue, listOptions, refuseUnknownVersion, watchOptions } from './list-options.ts'
import { answerObject, answerPages } from './objects.ts'
import type { Call, ResourceHandler, Target } from './ports.ts'
import { mergePatchOf, STRATEGIC_PATCH } from './strategic-patch.ts'
import { setWarnings } from './warnings.ts'
import { streamWatch } from './watch-stream.ts'
import type { Watches } from './watches.ts'
import { deleteOptionsOf, writeOptionsOf, writerOf } from './write-options.ts'

/** The verbs of Kubernetes on the kinds that are served. */

const JSON_TYPE = 'application/json'
const MERGE_PATCH = 'application/merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'

export const listOrWatch =
  (watches: Watches): ResourceHandler =>
  async (call, target) => {
    if (isTrue(call.query, 'watch')) return streamWatch(call, target, watchOptions(call.query, target), watches)
    await answerPages(call, target.kind, pagesOf(call, target))
  }

/** What is listed, read while it is written: a list is as long as people make it, and is never whole in memory. */
async function* pagesOf({ ports, query }: Call, target: Target): AsyncGenerator<Page, void, void> {
  const options = listOptions(query, target)
  const kind = target.kind.kind
  const list = (asked: ListOptions): Promise<Page> => ports.cluster.list(kind, { ...options, ...asked })
  if (options.limit !== undefined) {
    const page = await pageOf(kind, list, options.limit)
    refuseUnknownVersion(query, page.resourceVersion)
    return yield page
  }
  let resourceVersion: string | undefined
  for await (const page of wholeList(kind, list)) {
    if (resourceVersion === undefined) refuseUnknownVersion(query, page.resourceVersion)
    resourceVersion ??= page.resourceVersion
    yield { items: page.items, resourceVersion }
  }
}

export const get: ResourceHandler = async (call, target) => {
  // Only who names a version asks for the newest.
  if (Number(call.query.get('resourceVersion') ?? '') !== 0) await refuseVersionAhead(call, target)
  answerObject(call, target.kind, 200, await existing(call, target))
}

/** A list of one name says the newest version as every list does, and nothing has to be counted or kept for its next page. */
async function refuseVersionAhead({ ports, query }: Call, { kind, namespace, name }: Target): Promise<void> {
  const fieldSelector = `metadata.name=${(name ?? '').replace(/[\\,=]/g, '\\$&')}`
  const { resourceVersion } = await ports.cluster.list(kind.kind, { namespace: namespace ?? '', fieldSelector })
  refuseUnknownVersion(query, resourceVersion)
}

export async function existing({ ports }: Call, target: Target): Promise<Resource> {
  const { kind, name, namespace } = target
  const object = await ports.cluster.get(kind.kind, namespace ?? '', name ?? '')
  if (object) return object
  throw notFound(target)
}

export function notFound({ kind, name }: Target): Refused {
  const plural = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
  return new Refused('NotFound', `${plural} "${name}" not found`, { name: name ?? '', group: kind.group, kind: kind.plural })
}

export const create: ResourceHandler = async (call, target) => {
  const options = writeOptionsOf(call, 'CreateOptions')
  const { draft, duplicates } = await draftOf(call, target)
  await refuseForeignRequest(call, target, draft)
  await written(call, target, 'create', 201, { ...options, duplicates }, (writer, all) => call.ports.cluster.create(draft, writer, all))
}

/**
 * PUT replaces the object that was read: it names its version. With `?apply=true` it declares instead, as `Cluster.apply`
 * does: no version is needed, it is created where it does not exist, labels and annotations of others stay, and what this
 * field manager gave earlier and leaves out now is gone. (What server-side apply is in a cluster, for one declarer.)
 */
export const put: ResourceHandler = async (call, target) => {
  const options = writeOptionsOf(call, 'UpdateOptions')
  const { draft, duplicates } = await draftOf(call, target)
  const applies = isTrue(call.query, 'apply')
  await written(call, target, applies ? 'apply' : 'replace', 200, { ...options, duplicates }, (writer, all) =>
    applies ? call.ports.cluster.apply(draft, writer, all) : call.ports.cluster.replace(draft, writer, all),
  )
}

/** The status of a whole object, whatever else stands in it. */
export const putStatus: ResourceHandler = async (call, target) => {
  const options = writeOptionsOf(call, 'UpdateOptions')
  const { draft, duplicates } = await draftOf(call, target)
  const { metadata, status = null } = { status: null, ...draft }
  const { kind, namespace, name } = target
  const patch = [
    { op: 'add', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
    { op: 'add', path: '/status', value: status },
  ]
  await written(call, target, 'replace-status', 200, { ...options, duplicates }, (writer, all) =>
    call.ports.cluster.patchStatus(kind.kind, namespace ?? '', name ?? '', patch, writer, all),
  )
}

export const patch: ResourceHandler = async (call, target) => {
  const body = await patchOf(call, target)
  const { kind, namespace, name } = target
  await written(call, target, 'patch', 200, writeOptionsOf(call, 'PatchOptions'), (writer, all) =>
    call.ports.cluster.patch(kind.kind, namespace ?? '', name ?? '', body, writer, all),
  )
}

export const patchStatus: ResourceHandler = async (call, target) => {
  const body = await patchOf(call, target)
  const { kind, namespace, name } = target
  await written(call, target, 'patch-status', 200, writeOptionsOf(call, 'PatchOptions'), (writer, all) =>
    call.ports.cluster.patchStatus(kind.kind, namespace ?? '', name ?? '', body, writer, all),
  )
}

/** What is sent must be what it says it is: a list of operations, or an object. */
async function patchOf(call: Call, target: Target): Promise<unknown> {
  const { request } = call
  expectMediaType(request, JSON_PATCH, MERGE_PATCH, ...(target.kind.group === '' ? [STRATEGIC_PATCH] : []))
  const body = await readJson(request)
  if (mediaTypeOf(request) === STRATEGIC_PATCH) return mergePatchOf(body, await existing(call, target))
  const isOperations = mediaTypeOf(request) === JSON_PATCH
  if (isOperations ? Array.isArray(body) : isJsonObject(body)) return body
  const wanted = isOperations ? '[]handlers.jsonPatchOp' : 'map[string]interface {}'
  const given = Array.isArray(body) ? 'array' : body === null ? 'nothing' : typeof body === 'boolean' ? 'bool' : typeof body
  throw new Refused('BadRequest', `error decoding patch: json: cannot unmarshal ${given} into Go value of type ${wanted}`)
}

export const remove: ResourceHandler = async (call, target) => {
  const { kind, namespace, name } = target
  const options = deleteOptionsOf(call.query, await readJson(call.request))
  const object = await call.ports.cluster.delete(kind.kind, namespace ?? '', name ?? '', writerOf(call), options)
  if (!options.dryRun) await remember(call, target, 'delete', object)
  const { uid, deletionTimestamp } = object.metadata
  const declared = declarationOf(object.metadata)
  // Whoever deletes a file's object, and with it a home, expects that to last.
  if (declared)
    setWarnings(call.response, new Set([`it is declared by ${describeDeclaration(declared)}: it is made anew unless you remove it there`]))
  // An object that something still holds is shown as it is, so that the client can wait for its end.
  if (deletionTimestamp !== undefined) return answerObject(call, kind, 200, object)
  answerJson(call.response, 200, success({ name: object.metadata.name, group: kind.group, kind: kind.plural, uid }))
}

/** Whatever is listed is deleted, one after the other; what somebody else was faster with is gone all the same. */
export const removeMany: ResourceHandler = async (call, target) => {
  const { kind, namespace } = target
  const { cluster } = call.ports
  if (kind.kind === 'Namespace') throw new Refused('MethodNotAllowed', 'namespaces are deleted one by one, by their names')
  if (kind.namespaced && namespace === null) throw new Refused('MethodNotAllowed', 'name a namespace to delete in')
  const options = deleteOptionsOf(call.query, await readJson(call.request))
  const removeOne = async (metadata: Resource['metadata']): Promise<void> => {
    const { uid = metadata.uid, ...more } = options
    try {
      const object = await cluster.delete(kind.kind, metadata.namespace ?? '', metadata.name, writerOf(call), { ...more, uid })
      if (!options.dryRun) await remember(call, target, 'delete', object)
    } catch (error) {
      if (isRefused(error, 'NotFound')) return
      const mayBeAnother = isRefused(error, 'Conflict') && options.uid === undefined
      // Another one has its name by now: it was not listed, and stays.
      if (!mayBeAnother || (await cluster.get(kind.kind, metadata.namespace ?? '', metadata.name))?.metadata.uid === metadata.uid)
        throw error
    }
  }
  const removed = async function* (): AsyncGenerator<Page, void, void> {
    for await (const page of pagesOf(call, target)) {
      for (const { metadata } of page.items) await removeOne(metadata)
      yield page
    }
  }
  await answerPages(call, kind, removed())
}

async function written(
  call: Call,
  target: Target,
  action: string,
  code: number,
  asked: Omit<WriteOptions, 'warn'>,
  write: (writer: Writer, options: WriteOptions) => Promise<Resource>,
): Promise<void> {
  const warnings = new Set<string>()
  const options: WriteOptions = { ...asked, warn: (warning) => warnings.add(warning) }
  const object = await write(writerOf(call), options)
  setWarnings(call.response, warnings)
  if (!options.dryRun) await remember(call, target, action, object)
  answerObject(call, target.kind, code, object)
}

/** What was done is done, also when it cannot be noted: then the log has it. */
async function remember(
  { ports, caller, request, log }: Call,
  { kind, subresource }: Target,
  action: string,
  object: Resource,
): Promise<void> {
  const subject = keyOf(kind.kind, object.metadata.namespace ?? '', object.metadata.name)
  const detail = { resourceVersion: object.metadata.resourceVersion, subresource }
  const entry = { actor: caller.user, action, subject, origin: request.socket.remoteAddress ?? '', detail }
  log.info('an object was written', { action, subject, ...detail })
  await audit(ports.db, entry).catch((error: unknown) =>
    log.error('a write could not be noted in the audit', { ...entry, error: messageOf(error) }),
  )
}

async function draftOf(
  call: Call,
  { kind, namespace, name }: Target,
): Promise<{ readonly draft: Draft; readonly duplicates: readonly string[] }> {
  const { value, duplicates } = await readBody(call.request, [JSON_TYPE])
  const draft = draftFrom(value)
  refuseOtherKind(kind, draft)
  const { namespace: home, ...given } = draft.metadata
  // A new object may do without a name in its path, an old one not without one in itself.
  if (name !== null && given.name !== name) throw otherName(given.name, name)
  if (namespace !== null && home !== undefined && home !== namespace) throw otherNamespace()
  return { draft: { ...draft, metadata: { ...given, ...(namespace === null ? {} : { namespace }) } }, duplicates }
}

function refuseOtherKind(kind: Kind, { apiVersion, kind: given, metadata }: Draft): void {
  if (apiVersion !== kind.apiVersion)
    throw new Refused(
      'BadRequest',
      `the API version in the data (${apiVersion}) does not match the expected API version (${kind.apiVersion})`,
    )
  if (given !== kind.kind)
    throw refusedInvalid({ kind: given, group: kind.group }, metadata.name ?? '', [invalid('kind', given, `must be ${kind.kind}`)])
}
