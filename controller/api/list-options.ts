import { Refused, type Cause } from '../kernel/errors.ts'
import type { ListOptions, WatchOptions } from '../cluster/port.ts'
import { refuseAhead } from '../cluster/refusals.ts'
import type { Target } from './ports.ts'
import { selectorFor } from './shown.ts'
import { forbiddenOption, refuseOptions } from './write-options.ts'

/** What a list or a watch is asked to be, read and refused as the API server does. */

/** Whatever is given is yes, but for what says no. */
export const isTrue = (query: URLSearchParams, name: string): boolean => !['', '0', 'false'].includes((query.get(name) ?? '').toLowerCase())

function whole(query: URLSearchParams, name: string): number | null {
  const text = query.get(name)
  if (text === null) return null
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new Refused('BadRequest', `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

export function listOptions(query: URLSearchParams, { kind, namespace }: Target): ListOptions {
  const limit = whole(query, 'limit')
  whole(query, 'timeoutSeconds')
  refuseOptions('ListOptions', isTrue(query, 'watch') ? watchCauses(query) : listCauses(query))
  if (query.get('continue') && !['', '0'].includes(query.get('resourceVersion') ?? ''))
    throw new Refused('BadRequest', 'specifying resource version is not allowed when using continue')
  const at = isTrue(query, 'watch') ? null : exactVersion(query, limit)
  const fields = query.get('fieldSelector')
  const text = (name: 'labelSelector' | 'continue') => (query.get(name) ? { [name]: query.get(name) ?? '' } : {})
  return {
    ...(namespace === null ? {} : { namespace }),
    ...(limit !== null && limit > 0 && !isOfAnyVersion(query) ? { limit } : {}),
    ...(at === null ? {} : { at }),
    ...text('labelSelector'),
    ...(fields ? { fieldSelector: selectorFor(kind, fields) } : {}),
    ...text('continue'),
  }
}

export function watchOptions(query: URLSearchParams, target: Target): WatchOptions {
  const { limit: _limit, continue: _continue, ...options } = listOptions(query, target)
  const from = query.get('resourceVersion')
  const begins = sendsInitialEvents(query)
  return {
    ...options,
    bookmarks: isTrue(query, 'allowWatchBookmarks'),
    ...(begins === null ? {} : { initialEvents: begins }),
    ...(from ? { from } : {}),
  }
}

/** null: nothing was said. */
const sendsInitialEvents = (query: URLSearchParams): boolean | null =>
  query.get('sendInitialEvents') ? isTrue(query, 'sendInitialEvents') : null

/** What is shown of the present: a version that is named must be one that there was. */
export function refuseUnknownVersion(query: URLSearchParams, newest: string): void {
  const text = query.get('resourceVersion') ?? ''
  if (text === '') return
  refuseNoVersion(text)
  refuseAhead(text, newest)
}

function refuseNoVersion(text: string): void {
  if (/^\d{1,19}$/.test(text)) return
  const given = JSON.stringify(text)
  throw new Refused(
    'BadRequest',
    `invalid resource version: resourceVersion: Invalid value: ${given}: strconv.ParseUint: parsing ${given}: invalid syntax`,
  )
}

const MATCH = 'resourceVersionMatch'

/** The version that is listed; null: the newest. A limit with a version meant exactly that one, before it could be said. */
function exactVersion(query: URLSearchParams, limit: number | null): string | null {
  const [match, version] = [query.get(MATCH) ?? '', query.get('resourceVersion') ?? '']
  if (['', '0'].includes(version)) return null
  refuseNoVersion(version)
  return match === 'Exact' || (match === '' && limit !== null && limit > 0) ? version : null
}

/** Whoever takes any state is given all of it at once. */
const isOfAnyVersion = (query: URLSearchParams): boolean => query.get('resourceVersion') === '0'

function listCauses(query: URLSearchParams): readonly Cause[] {
  const [match, version] = [query.get(MATCH) ?? '', query.get('resourceVersion') ?? '']
  const begins = query.get('sendInitialEvents') ? [forbiddenOption('sendInitialEvents', 'sendInitialEvents is forbidden for list')] : []
  if (match === '') return begins
  return [
    ...begins,
    ...(query.get('continue') ? [forbiddenOption(MATCH, `${MATCH} is forbidden when continue is provided`)] : []),
    ...(version === '' ? [forbiddenOption(MATCH, `${MATCH} is forbidden unless resourceVersion is provided`)] : []),
    ...(['Exact', 'NotOlderThan'].includes(match) ? [] : [unsupportedMatch(match, '"Exact", "NotOlderThan", ""')]),
    ...(match === 'Exact' && version === '0' ? [forbiddenOption(MATCH, `${MATCH} "exact" is forbidden for resourceVersion "0"`)] : []),
  ]
}

function watchCauses(query: URLSearchParams): readonly Cause[] {
  const match = query.get(MATCH) ?? ''
  const begins = sendsInitialEvents(query) !== null
  return [
    ...(match !== '' && !begins ? [forbiddenOption(MATCH, `${MATCH} is forbidden for watch unless sendInitialEvents is provided`)] : []),
    ...(begins && match !== 'NotOlderThan' ? [forbiddenOption(MATCH, `sendInitialEvents requires setting ${MATCH} to NotOlderThan`)] : []),
    ...(match !== '' && match !== 'NotOlderThan' ? [unsupportedMatch(match, '"NotOlderThan"')] : []),
    ...(query.get('continue') ? [forbiddenOption(MATCH, `${MATCH} is forbidden when continue is provided`)] : []),
  ]
}

const unsupportedMatch = (match: string, offered: string): Cause => ({
  reason: 'FieldValueNotSupported',
  field: MATCH,
  message: `Unsupported value: ${JSON.stringify(match)}: supported values: ${offered}`,
})
