import { Refused, type Cause } from '../kernel/errors.ts'
import type { DeleteOptions, Propagation, WriteOptions, Writer } from '../cluster/port.ts'
import { goQuoted } from '../../crds/schema/go-text.ts'
import { isJsonObject, type JsonObject } from '../../crds/schema/types.ts'
import type { Call } from './ports.ts'

/** What a request says beside its object, read and refused as the API server does. */

type Options = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions' | 'ListOptions'

const FIELD_MANAGER_BYTES_MAX = 128

const unsupported = (field: string, value: unknown, offered: string): Cause => ({
  reason: 'FieldValueNotSupported',
  field,
  message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${offered}`,
})

export function refuseOptions(kind: Options, causes: readonly Cause[]): void {
  if (causes.length === 0) return
  const sentences = causes.map(({ field, message }) => `${field}: ${message}`)
  const text = sentences.length === 1 ? sentences.join('') : `[${sentences.join(', ')}]`
  throw new Refused('Invalid', `${kind}.meta.k8s.io "" is invalid: ${text}`, { group: 'meta.k8s.io', kind, causes })
}

export const forbiddenOption = (field: string, message: string): Cause => ({
  reason: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${message}`,
})

export function writeOptionsOf({ query }: Call, kind: Options): Pick<WriteOptions, 'dryRun' | 'fieldValidation'> {
  const validation = query.get('fieldValidation') ?? ''
  const trials = query.getAll('dryRun')
  refuseOptions(kind, [
    ...(kind === 'PatchOptions' && query.get('force') ? [forbiddenOption('force', 'may not be specified for non-apply patch')] : []),
    ...managerCauses(query.get('fieldManager') ?? ''),
    ...dryRunCauses(trials),
    ...(['', 'Ignore', 'Strict', 'Warn'].includes(validation)
      ? []
      : [unsupported('fieldValidation', validation, '"", "Ignore", "Strict", "Warn"')]),
  ])
  return {
    dryRun: trials.length > 0,
    ...(validation === 'Strict' || validation === 'Warn' || validation === 'Ignore' ? { fieldValidation: validation } : {}),
  }
}

const dryRunCauses = (trials: readonly unknown[]): readonly Cause[] =>
  trials.every((each) => each === 'All') ? [] : [unsupported('dryRun', trials, '"All"')]

function managerCauses(manager: string): readonly Cause[] {
  const field = 'fieldManager'
  if (Buffer.byteLength(manager) > FIELD_MANAGER_BYTES_MAX)
    return [{ reason: 'FieldValueTooLong', field, message: `Too long: may not be more than ${FIELD_MANAGER_BYTES_MAX} bytes` }]
  const position = [...manager].findIndex((each) => !/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(each))
  if (position < 0) return []
  const code = ([...manager][position] ?? '').codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')
  const message = `Invalid value: ${goQuoted(manager)}: invalid character U+${code} (at position ${position})`
  return [{ reason: 'FieldValueInvalid', field, message }]
}

export const writerOf = ({ caller, request, query }: Call): Writer => ({
  // Who says nothing is known by their program, as far as that can be printed.
  manager: query.get('fieldManager') || /^[\x21-\x2e\x30-\x7e]{1,128}/.exec(request.headers['user-agent'] ?? '')?.[0] || 'unknown',
  user: caller.user,
})

const POLICIES: readonly Propagation[] = ['Background', 'Foreground', 'Orphan']

/** From the query, or from a body: the body counts where there is one. */
export function deleteOptionsOf(query: URLSearchParams, body: unknown): DeleteOptions {
  const options = body === null || body === undefined ? null : decoded(body)
  const trials = options ? listIn(options, 'dryRun') : query.getAll('dryRun')
  const policy = options ? options['propagationPolicy'] : (query.get('propagationPolicy') ?? undefined)
  const known = POLICIES.find((each) => each === policy)
  const orphans = options?.['orphanDependents']
  const both = orphans !== undefined && orphans !== null && policy !== undefined && policy !== null
  refuseOptions('DeleteOptions', [
    ...dryRunCauses(trials),
    ...(both
      ? [
          {
            reason: 'FieldValueInvalid',
            field: 'propagationPolicy',
            message: `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`,
          },
        ]
      : []),
    ...(policy === undefined || policy === null || known
      ? []
      : [unsupported('propagationPolicy', policy, '"Foreground", "Background", "Orphan", "nil"')]),
  ])
  const propagation = typeof orphans === 'boolean' ? (orphans ? 'Orphan' : 'Background') : known
  return { dryRun: trials.length > 0, ...(propagation ? { propagation } : {}), ...preconditionsIn(options) }
}

const SHAPES: Readonly<Record<string, readonly [type: string, is: (value: unknown) => boolean]>> = {
  gracePeriodSeconds: ['int64', Number.isSafeInteger],
  orphanDependents: ['bool', (value) => typeof value === 'boolean'],
  propagationPolicy: ['v1.DeletionPropagation', (value) => typeof value === 'string'],
  dryRun: ['[]string', (value) => Array.isArray(value) && value.every((each) => typeof each === 'string')],
  preconditions: ['v1.Preconditions', isJsonObject],
}

function decoded(body: unknown): JsonObject {
  if (!isJsonObject(body)) throw new Refused('BadRequest', "couldn't get version/kind: the options of a deletion must be an object")
  const { kind, apiVersion } = body
  if ((kind !== undefined && kind !== 'DeleteOptions') || (kind === undefined && apiVersion !== undefined))
    throw new Refused('BadRequest', `no kind ${JSON.stringify(kind ?? '')} is registered for version ${JSON.stringify(apiVersion ?? '')}`)
  for (const [name, [type, is]] of Object.entries(SHAPES)) {
    const value = Object.hasOwn(body, name) ? body[name] : null
    if (value === null || is(value)) continue
    const given = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
    throw new Refused('BadRequest', `json: cannot unmarshal ${given} into Go struct field DeleteOptions.${name} of type ${type}`)
  }
  return body
}

const listIn = (options: JsonObject, name: string): readonly unknown[] => {
  const value = options[name]
  return Array.isArray(value) ? value : []
}

function preconditionsIn(options: JsonObject | null): Pick<DeleteOptions, 'uid' | 'resourceVersion'> {
  const preconditions = options?.['preconditions']
  if (!isJsonObject(preconditions)) return {}
  const { uid, resourceVersion } = preconditions
  return { ...(typeof uid === 'string' ? { uid } : {}), ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}) }
}
