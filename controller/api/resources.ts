import type { Kind } from '../../crds/kinds.ts'
import { isJsonObject, type JsonObject } from '../../crds/schema/types.ts'
import { draftFrom } from '../cluster/draft.ts'
import type { Draft, ListOptions, Preconditions, Resource, WriteOptions, Writer } from '../cluster/port.ts'
import { messageOf, Refused } from '../kernel/errors.ts'
import { keyOf } from '../kernel/names.ts'
import { audit } from '../store/audit.ts'
import { answerJson, setWarnings, success } from './answer.ts'
import { answerObject, answerPage } from './objects.ts'
import { expectMediaType, mediaTypeOf, readBody, readJson } from './body.ts'
import type { Call, ResourceHandler, Target } from './ports.ts'
import { selectorFor } from './shown.ts'
import { mergePatchOf, STRATEGIC_PATCH } from './strategic-patch.ts'
import { streamWatch } from './watch-stream.ts'

/** The verbs of Kubernetes on the kinds that are served. */

const JSON_TYPE = 'application/json'
const MERGE_PATCH = 'application/merge-patch+json'

/** `watches` holds the streams that are open now. */
export const listOrWatch =
  (watches: Set<object>): ResourceHandler =>
  async (call, target) => {
    const options = listOptions(call.query, target)
    if (isTrue(call.query, 'watch')) {
      const from = call.query.get('resourceVersion')
      const bookmarks = isTrue(call.query, 'allowWatchBookmarks')
      return streamWatch(call, target, { ...options, bookmarks, ...(from ? { from } : {}) }, watches)
    }
    const page = await call.ports.cluster.list(target.kind.kind, options)
    await answerPage(call, target.kind, page)
  }

export const get: ResourceHandler = async (call, target) => answerObject(call, target.kind, 200, await existing(call, target))

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
  const draft = await draftOf(call, target)
  await written(call, target, 'create', 201, (writer, options) => call.ports.cluster.create(draft, writer, options))
}

/**
 * PUT replaces the object that was read: it names its version. With `?apply=true` it declares instead, as `Cluster.apply`
 * does: no version is needed, it is created where it does not exist, labels and annotations of others stay, and what this
 * field manager gave earlier and leaves out now is gone. (What server-side apply is in a cluster, for one declarer.)
 */
export const put: ResourceHandler = async (call, target) => {
  const draft = await draftOf(call, target)
  const applies = isTrue(call.query, 'apply')
  await written(call, target, applies ? 'apply' : 'replace', 200, (writer, options) =>
    applies ? call.ports.cluster.apply(draft, writer, options) : call.ports.cluster.replace(draft, writer, options),
  )
}

async function patchOf(call: Call, target: Target): Promise<unknown> {
  expectMediaType(call.request, MERGE_PATCH, ...(target.kind.group === '' ? [STRATEGIC_PATCH] : []))
  const body = await readJson(call.request)
  return mediaTypeOf(call.request) === STRATEGIC_PATCH ? mergePatchOf(body, await existing(call, target)) : body
}

export const patch: ResourceHandler = async (call, target) => {
  const body = await patchOf(call, target)
  const { kind, namespace, name } = target
  await written(call, target, 'patch', 200, (writer, options) =>
    call.ports.cluster.patch(kind.kind, namespace ?? '', name ?? '', body, writer, options),
  )
}

export const patchStatus: ResourceHandler = async (call, target) => {
  expectMediaType(call.request, MERGE_PATCH)
  const body = await readJson(call.request)
  const { kind, namespace, name } = target
  await written(call, target, 'patch-status', 200, (writer, options) =>
    call.ports.cluster.patchStatus(kind.kind, namespace ?? '', name ?? '', body, writer, options),
  )
}

export const remove: ResourceHandler = async (call, target) => {
  const { kind, namespace, name } = target
  const body = await readJson(call.request)
  const options = isJsonObject(body) ? body : {}
  refusePropagation(call.query.get('propagationPolicy') ?? options['propagationPolicy'])
  const dryRun = dryRunOf(call.query) || (Array.isArray(options['dryRun']) && options['dryRun'].includes('All'))
  const object = await call.ports.cluster.delete(kind.kind, namespace ?? '', name ?? '', writerOf(call), {
    ...preconditionsOf(options),
    dryRun,
  })
  if (!dryRun) await remember(call, target, 'delete', object)
  const { uid, deletionTimestamp } = object.metadata
  // An object that something still holds is shown as it is, so that the client can wait for its end.
  if (deletionTimestamp !== undefined) return answerObject(call, kind, 200, object)
  answerJson(call.response, 200, success({ name: object.metadata.name, group: kind.group, kind: kind.plural, uid }))
}

async function written(
  call: Call,
  target: Target,
  action: string,
  code: number,
  write: (writer: Writer, options: WriteOptions) => Promise<Resource>,
): Promise<void> {
  const warnings = new Set<string>()
  const options: WriteOptions = {
    dryRun: dryRunOf(call.query),
    warn: (warning) => warnings.add(warning),
    ...fieldValidationOf(call.query),
  }
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

async function draftOf(call: Call, { kind, namespace, name }: Target): Promise<Draft> {
  const draft = draftFrom(await readBody(call.request, [JSON_TYPE]))
  refuseOtherKind(kind, draft)
  const given = draft.metadata
  if (name !== null && given.name !== undefined && given.name !== name) {
    throw new Refused('BadRequest', `the name of the object (${given.name}) does not match the name on the URL (${name})`)
  }
  if (namespace !== null && given.namespace !== undefined && given.namespace !== namespace) {
    throw new Refused('BadRequest', 'the namespace of the provided object does not match the namespace sent on the request')
  }
  return { ...draft, metadata: { ...given, ...(name === null ? {} : { name }), ...(namespace === null ? {} : { namespace }) } }
}

function refuseOtherKind(kind: Kind, { apiVersion, kind: given }: Draft): void {
  if (apiVersion === kind.apiVersion && given === kind.kind) return
  throw new Refused(
    'BadRequest',
    `the object provided is a ${apiVersion}, Kind=${given}, but this path takes ${kind.apiVersion}, Kind=${kind.kind}`,
  )
}

function writerOf({ caller, request, query }: Call): Writer {
  const manager = query.get('fieldManager') || (request.headers['user-agent'] ?? 'unknown').split('/')[0] || 'unknown'
  if (!/^[\x20-\x7e]{1,128}$/.test(manager)) throw new Refused('BadRequest', 'fieldManager: must be at most 128 printable characters')
  return { manager, user: caller.user }
}

const isTrue = (query: URLSearchParams, name: string): boolean => ['true', '1'].includes(query.get(name) ?? '')

function dryRunOf(query: URLSearchParams): boolean {
  const value = query.get('dryRun')
  if (value === null || value === '') return false
  if (value !== 'All') throw new Refused('BadRequest', `dryRun: Unsupported value: ${JSON.stringify(value)}: supported values: "All"`)
  return true
}

function fieldValidationOf(query: URLSearchParams): Pick<WriteOptions, 'fieldValidation'> {
  const value = query.get('fieldValidation')
  if (value === null || value === '') return {}
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return { fieldValidation: value }
  throw new Refused(
    'BadRequest',
    `fieldValidation: Unsupported value: ${JSON.stringify(value)}: supported values: "Ignore", "Strict", "Warn"`,
  )
}

function listOptions(query: URLSearchParams, { kind, namespace }: Target): ListOptions {
  const fields = query.get('fieldSelector')
  const limit = query.get('limit')
  if (limit !== null && !/^\d{0,9}$/.test(limit))
    throw new Refused('BadRequest', `limit: Invalid value: ${JSON.stringify(limit)}: must be a whole number`)
  const text = (name: 'labelSelector' | 'continue') => (query.get(name) ? { [name]: query.get(name) ?? '' } : {})
  return {
    ...(namespace === null ? {} : { namespace }),
    ...(limit && Number(limit) > 0 ? { limit: Number(limit) } : {}),
    ...text('labelSelector'),
    ...(fields ? { fieldSelector: selectorFor(kind, fields) } : {}),
    ...text('continue'),
  }
}

function refusePropagation(policy: unknown): void {
  if (policy === undefined || policy === null || policy === '' || policy === 'Background') return
  throw new Refused(
    'BadRequest',
    `propagationPolicy ${JSON.stringify(policy)} is not available without a cluster: dependents always go in the background`,
  )
}

function preconditionsOf(options: JsonObject): Preconditions {
  const { preconditions } = options
  if (!isJsonObject(preconditions)) return {}
  const { uid, resourceVersion } = preconditions
  return { ...(typeof uid === 'string' ? { uid } : {}), ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}) }
}
