import { cut, invalid, issuesOfEach, required, tooLong, type Issue } from './causes.ts'
import { isJsonObject, own, type JsonObject } from './types.ts'

/** What every object must keep to, whatever its kind. Who may change what over time is the store's business. */

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`
const SUBDOMAIN_TEXT = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`
const LABEL_TEXT = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`
const NAME_PART = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const NAME_PART_TEXT = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${NAME_PART}')`
const VALUE_TEXT = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${NAME_PART})?')`

// Anchored tests of the expressions that the messages name, written so that no text makes them backtrack.
const isLabel = (text: string): boolean => /^[a-z0-9-]+$/.test(text) && !text.startsWith('-') && !text.endsWith('-')
const isSubdomain = (text: string): boolean => /^[a-z0-9.-]+$/.test(text) && !/^[.-]|[.-]$|[.][.-]|-[.]/.test(text)
const isNamePart = (text: string): boolean => /^[A-Za-z0-9_.-]+$/.test(text) && /^[A-Za-z0-9]/.test(text) && /[A-Za-z0-9]$/.test(text)

const bytes = (text: string): number => Buffer.byteLength(text)
const tooManyBytes = (max: number): string => `must be no more than ${max} bytes`

const ANNOTATIONS_BYTES_MAX = 256 * 1024

/** An update may not change the name, so it is asked for its form only once; nor can it be how something is deleted. */
export function metaIssues(metadata: JsonObject, before: JsonObject | null): readonly Issue[] {
  return [
    ...(before
      ? ['deletionTimestamp', 'deletionGracePeriodSeconds'].flatMap((name) => onceIssues(name, metadata, before))
      : nameIssues(metadata)),
    ...namespaceIssues(metadata),
    ...labelIssues(metadata),
    ...annotationIssues(metadata),
    ...ownerIssues(metadata),
    ...finalizerIssues(metadata),
  ]
}

/** Once it is there nobody can change it, so only who brings it before is refused. */
const onceIssues = (name: string, metadata: JsonObject, before: JsonObject): readonly Issue[] =>
  own(metadata, name) === undefined || own(before, name) !== undefined
    ? []
    : [invalid(`metadata.${name}`, own(metadata, name), 'field is immutable')]

/** Told, not refused: a finalizer without a domain may be somebody else's as well. */
export function finalizerWarnings(metadata: JsonObject, before: JsonObject | null): readonly string[] {
  const known = new Set(textsOf(before && own(before, 'finalizers')))
  const added = new Set(textsOf(own(metadata, 'finalizers')).filter((finalizer) => !known.has(finalizer)))
  return [...added].toSorted().flatMap((finalizer) => {
    if (finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)) return []
    const prefer = `prefer a domain-qualified finalizer name${finalizer.includes('.') ? ' including a path (/)' : ''}`
    return [`metadata.finalizers: ${JSON.stringify(finalizer)}: ${prefer} to avoid accidental conflicts with other finalizer writers`]
  })
}

const [ORPHAN, FOREGROUND] = ['orphan', 'foregroundDeletion']
const STANDARD_FINALIZERS = new Set([ORPHAN, FOREGROUND, 'kubernetes'])

function nameIssues(metadata: JsonObject): readonly Issue[] {
  const name = own(metadata, 'name')
  const generateName = own(metadata, 'generateName')
  const issues: Issue[] = []
  if (typeof generateName === 'string' && generateName !== '') {
    // The random end comes later, so a dash may be the last character; what stands before it the API server does not look at.
    issues.push(...subdomainProblems(generateName.replace(/.-$/s, 'a')).map((why) => invalid('metadata.generateName', generateName, why)))
  }
  if (typeof name === 'string' && name !== '') issues.push(...subdomainProblems(name).map((why) => invalid('metadata.name', name, why)))
  else if (!generateName) issues.push(required('metadata.name', 'name or generateName is required'))
  return issues
}

/** The API server counts bytes in both, and calls those of a name characters. */
const subdomainProblems = (text: string, tooLarge = 'must be no more than 253 characters'): readonly string[] => [
  ...(bytes(text) > 253 ? [tooLarge] : []),
  ...(isSubdomain(text) ? [] : [SUBDOMAIN_TEXT]),
]

function namespaceIssues(metadata: JsonObject): readonly Issue[] {
  const namespace = own(metadata, 'namespace')
  if (typeof namespace !== 'string' || namespace === '') return []
  return [
    ...(bytes(namespace) > 63 ? ['must be no more than 63 characters'] : []),
    ...(isLabel(namespace) ? [] : [isSubdomain(namespace) ? 'must not contain dots' : LABEL_TEXT]),
  ].map((why) => invalid('metadata.namespace', namespace, why))
}

function labelIssues(metadata: JsonObject): readonly Issue[] {
  return issuesOfEach(entriesOf(own(metadata, 'labels')), ([key, value]) =>
    qualifiedProblems(key)
      .map((why) => invalid('metadata.labels', key, why))
      .concat(labelValueProblems(value).map((why) => invalid('metadata.labels', value, why))),
  )
}

export const labelValueProblems = (value: string): readonly string[] => [
  ...(bytes(value) > 63 ? [tooManyBytes(63)] : []),
  ...(value === '' || isNamePart(value) ? [] : [VALUE_TEXT]),
]

function annotationIssues(metadata: JsonObject): readonly Issue[] {
  const entries = entriesOf(own(metadata, 'annotations'))
  const size = entries.reduce((sum, [key, value]) => sum + bytes(key) + bytes(value), 0)
  return [
    ...issuesOfEach(entries, ([key]) => qualifiedProblems(key.toLowerCase()).map((why) => invalid('metadata.annotations', key, why))),
    ...(size > ANNOTATIONS_BYTES_MAX ? [tooLong('metadata.annotations', ANNOTATIONS_BYTES_MAX)] : []),
  ]
}

/** Each is told with all references there are: of thousands nobody needs to hear of each. */
const CONTROLLERS_TOLD_MAX = 5

function ownerIssues(metadata: JsonObject): readonly Issue[] {
  const owners = own(metadata, 'ownerReferences')
  const given = Array.isArray(owners) ? owners.filter(isJsonObject) : []
  const controllers = given
    .filter((owner) => own(owner, 'controller') === true)
    .map((owner) => `${String(owner['kind'])}/${String(owner['name'])}`)
  const seconds = controllers.slice(1, CONTROLLERS_TOLD_MAX)
  const all = seconds.length > 0 ? written(given.map(inOrder)) : ''
  return [
    ...issuesOfEach(given, ownerReferenceIssues),
    ...seconds.map((second) => {
      const found = `references for ${String(controllers[0])} and ${second}`
      return invalidOwners(all, `Only one reference can have Controller set to true. Found "true" in ${found}`)
    }),
  ]
}

function ownerReferenceIssues(owner: JsonObject): readonly Issue[] {
  const issue = (field: string, why: string): readonly Issue[] =>
    own(owner, field) === '' ? [invalid(`metadata.ownerReferences.${field}`, '', why)] : []
  const apiVersion = String(own(owner, 'apiVersion'))
  const [, version = '', more] = apiVersion.includes('/') ? apiVersion.split('/', 3) : ['', apiVersion]
  const versioned = version !== '' && more === undefined
  const isEvent = apiVersion === 'v1' && own(owner, 'kind') === 'Event'
  return [
    ...(versioned ? [] : [invalid('metadata.ownerReferences.apiVersion', apiVersion, 'version must not be empty')]),
    ...issue('kind', 'must not be empty'),
    ...issue('name', 'must not be empty'),
    ...issue('uid', 'must not be empty'),
    ...(isEvent ? [invalidOwners(written(inOrder(owner)), '/v1, Kind=Event is disallowed from being an owner')] : []),
  ]
}

/** A value that the API server holds in a type of its own is written in the order of that type. */
const invalidOwners = (value: string, why: string): Issue => ({
  reason: 'FieldValueInvalid',
  field: 'metadata.ownerReferences',
  body: `Invalid value: ${value}: ${why}`,
})

const written = (value: unknown): string => cut(JSON.stringify(value))

const inOrder = (owner: JsonObject): JsonObject =>
  Object.fromEntries(
    ['apiVersion', 'kind', 'name', 'uid', 'controller', 'blockOwnerDeletion']
      .filter((name) => Object.hasOwn(owner, name))
      .map((name) => [name, own(owner, name)]),
  )

function finalizerIssues(metadata: JsonObject): readonly Issue[] {
  const finalizers = textsOf(own(metadata, 'finalizers'))
  const contradict = finalizers.includes(ORPHAN) && finalizers.includes(FOREGROUND)
  return [
    ...issuesOfEach(finalizers, (finalizer) => qualifiedProblems(finalizer).map((why) => invalid('metadata.finalizers', finalizer, why))),
    ...(contradict ? [invalid('metadata.finalizers', finalizers, `finalizer ${ORPHAN} and ${FOREGROUND} cannot be both set`)] : []),
  ]
}

/** `name` or `prefix.example/name`. */
export function qualifiedProblems(key: string): readonly string[] {
  const [first = '', second, third] = key.split('/', 3)
  if (third !== undefined) {
    return [`a valid label key ${NAME_PART_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  const name = second ?? first
  const prefix = second === undefined ? [] : first === '' ? ['must be non-empty'] : subdomainProblems(first, tooManyBytes(253))
  return [
    ...prefix.map((why) => `prefix part ${why}`),
    ...(name === '' ? ['name part must be non-empty'] : bytes(name) > 63 ? [`name part ${tooManyBytes(63)}`] : []),
    ...(isNamePart(name) ? [] : [`name part ${NAME_PART_TEXT}`]),
  ]
}

const entriesOf = (value: unknown): readonly (readonly [string, string])[] =>
  isJsonObject(value) ? Object.entries(value).map(([key, item]) => [key, String(item)] as const) : []

const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])
