import type { Column } from './columns.ts'
import { ROOT, text, type Definition } from './core-kinds.ts'
import { isJsonObject, own } from './schema/types.ts'

/** What happened, in both shapes Kubernetes has for it: kept as events.k8s.io/v1, and shown as v1 to those who ask for that. */

const instant = (description: string) => ({ description, type: 'string', format: 'date-time', maxLength: 40 })

const REFERENCE = {
  type: 'object',
  properties: {
    apiVersion: text('API version of the object.', 64),
    kind: text('Kind of the object.', 64),
    namespace: text('Namespace of the object.', 63),
    name: text('Name of the object.', 253),
    uid: text('Uid of the object.', 36),
    resourceVersion: text('Version of the object that was seen.', 64),
    fieldPath: text('The part of the object that is meant.', 512),
  },
}

const at = (object: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (isJsonObject(value) ? own(value, name) : undefined), object)

const textAt = (object: unknown, ...path: readonly string[]): string => {
  const value = at(object, ...path)
  return typeof value === 'string' ? value : ''
}

const firstOf = (...values: readonly string[]): string => values.find((value) => value !== '') ?? ''

const firstSeen = (event: unknown): string => firstOf(textAt(event, 'deprecatedFirstTimestamp'), textAt(event, 'eventTime'))

/** By the series where there is one. */
export const lastSeen = (event: unknown): string =>
  firstOf(textAt(event, 'series', 'lastObservedTime'), textAt(event, 'deprecatedLastTimestamp'), firstSeen(event))

const timesSeen = (event: unknown): unknown => at(event, 'series', 'count') ?? at(event, 'deprecatedCount') ?? 1

const objectOf = (event: unknown): string => `${textAt(event, 'regarding', 'kind').toLowerCase()}/${textAt(event, 'regarding', 'name')}`

const sourceOf = (event: unknown): string =>
  [
    firstOf(textAt(event, 'deprecatedSource', 'component'), textAt(event, 'reportingController')),
    firstOf(textAt(event, 'deprecatedSource', 'host'), textAt(event, 'reportingInstance')),
  ]
    .filter((part) => part !== '')
    .join(', ')

const column = (name: string, type: Column['type'], priority: number, description: string, of: (event: unknown) => unknown): Column => ({
  name,
  type,
  priority,
  description,
  jsonPath: '',
  of,
})

const COLUMNS: readonly Column[] = [
  column('Last Seen', 'date', 0, 'When it happened last.', lastSeen),
  column('Type', 'string', 0, 'Normal or Warning.', (event) => textAt(event, 'type')),
  column('Reason', 'string', 0, 'What happened, as one word.', (event) => textAt(event, 'reason')),
  column('Object', 'string', 0, 'The object it happened to.', objectOf),
  column('Subobject', 'string', 1, 'The part of it that is meant.', (event) => textAt(event, 'regarding', 'fieldPath')),
  column('Source', 'string', 1, 'Who says so.', sourceOf),
  column('Message', 'string', 0, 'What happened, as a sentence.', (event) => textAt(event, 'note').trim()),
  column('First Seen', 'date', 1, 'When it happened first.', firstSeen),
  column('Count', 'integer', 1, 'How often it happened.', timesSeen),
  { ...column('Name', 'string', 1, 'Its own name.', (event) => textAt(event, 'metadata', 'name')), format: 'name' },
]

export const EVENT: Definition = {
  columns: COLUMNS,
  selectableFields: [
    '.regarding.kind',
    '.regarding.namespace',
    '.regarding.name',
    '.regarding.uid',
    '.regarding.apiVersion',
    '.regarding.resourceVersion',
    '.regarding.fieldPath',
    '.reason',
    '.reportingController',
    '.type',
  ],
  openApi: {
    description: 'Something that happened to an object.',
    type: 'object',
    required: ['eventTime'],
    properties: {
      ...ROOT,
      metadata: { description: 'Standard metadata.', type: 'object' },
      eventTime: { ...instant('When it happened first.'), nullable: true },
      type: { ...text('Normal, or Warning for what somebody should look at.', 16), enum: ['Normal', 'Warning'] },
      reason: text('What happened, as one word for programs.', 128),
      action: text('What was done or failed.', 128),
      note: text('What happened, as a sentence.', 1024),
      reportingController: text('Which controller says so.', 253),
      reportingInstance: text('Which of its processes.', 128),
      regarding: { description: 'The object it happened to.', ...REFERENCE },
      related: { description: 'Another object that has to do with it.', ...REFERENCE },
      series: {
        description: 'How often it happened since.',
        type: 'object',
        required: ['count', 'lastObservedTime'],
        properties: {
          count: { description: 'How many times.', type: 'integer', format: 'int32', minimum: 0, maximum: 2147483647 },
          lastObservedTime: instant('When it happened last.'),
        },
      },
      deprecatedFirstTimestamp: { ...instant('When it happened first, for older clients.'), nullable: true },
      deprecatedLastTimestamp: { ...instant('When it happened last, for older clients.'), nullable: true },
      deprecatedCount: {
        description: 'How many times, for older clients.',
        type: 'integer',
        format: 'int32',
        minimum: 0,
        maximum: 2147483647,
      },
      deprecatedSource: {
        description: 'Who says so, for older clients.',
        type: 'object',
        properties: { component: text('Which program.', 253), host: text('On which machine.', 253) },
      },
    },
  },
}

/** By what fields those who ask for v1 select, and what these are called where events are kept. */
const CORE_FIELDS: ReadonlyMap<string, string> = new Map([
  ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
    (name) => [`involvedObject.${name}`, `regarding.${name}`] as const,
  ),
  ['reportingComponent', 'reportingController'],
  ['source', 'reportingController'],
])

/** A selector of v1 events as one of those that are kept. */
export const keptSelector = (selector: string): string =>
  selector.replaceAll(/(?<=^|,)\s*([A-Za-z.]+)/g, (name, field: string) => CORE_FIELDS.get(field) ?? name)

/** The columns are read from what is kept; only what is shown differs. */
export const CORE_EVENT: Definition = {
  ...EVENT,
  selectableFields: [...CORE_FIELDS.keys(), 'reason', 'type'].map((name) => `.${name}`),
}

const when = (name: string, value: unknown): object => (value === undefined || value === null || value === '' ? {} : { [name]: value })

/** What is kept, as v1 has it. */
export function coreEvent(event: unknown): object {
  const component = firstOf(textAt(event, 'deprecatedSource', 'component'), textAt(event, 'reportingController'))
  return {
    kind: 'Event',
    apiVersion: 'v1',
    metadata: at(event, 'metadata'),
    involvedObject: at(event, 'regarding') ?? {},
    ...when('reason', at(event, 'reason')),
    ...when('message', at(event, 'note')),
    source: { ...when('component', component), ...when('host', at(event, 'deprecatedSource', 'host')) },
    firstTimestamp: at(event, 'deprecatedFirstTimestamp') ?? null,
    lastTimestamp: at(event, 'deprecatedLastTimestamp') ?? null,
    ...when('count', at(event, 'deprecatedCount')),
    ...when('type', at(event, 'type')),
    eventTime: at(event, 'eventTime') ?? null,
    ...when('series', at(event, 'series')),
    ...when('action', at(event, 'action')),
    ...when('related', at(event, 'related')),
    reportingComponent: textAt(event, 'reportingController'),
    reportingInstance: textAt(event, 'reportingInstance'),
  }
}
