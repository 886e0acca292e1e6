import type { Column } from './columns.ts'

/** What of Kubernetes' own kinds is served without a cluster, as far as we use it. */

export interface Definition {
  readonly columns: readonly Column[]
  readonly selectableFields: readonly string[]
  /** The OpenAPI schema of the kind. */
  readonly openApi: unknown
}

const text = (description: string, maxLength: number) => ({ description, type: 'string', maxLength })
const instant = (description: string) => ({ description, type: 'string', format: 'date-time', maxLength: 40 })

const ROOT = {
  apiVersion: text('The version of the API this object is written in.', 64),
  kind: text('The kind of object this is.', 64),
}

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

const AGE = {
  name: 'Age',
  type: 'date',
  description: 'How long it has existed.',
  priority: 0,
  jsonPath: '.metadata.creationTimestamp',
} as const

export const NAMESPACE: Definition = {
  columns: [{ name: 'Status', type: 'string', description: 'Active or Terminating.', priority: 0, jsonPath: '.status.phase' }, AGE],
  selectableFields: [],
  openApi: {
    description: 'A namespace keeps the names of a team apart from those of others.',
    type: 'object',
    properties: {
      ...ROOT,
      metadata: {
        description: 'Standard metadata.',
        type: 'object',
        properties: {
          name: { ...text('A DNS label.', 63), pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' },
        },
      },
      spec: {
        description: 'How the namespace behaves.',
        type: 'object',
        default: {},
        properties: {
          finalizers: {
            description: 'What must be done before the namespace goes.',
            type: 'array',
            default: ['kubernetes'],
            maxItems: 16,
            items: text('The name of one.', 253),
          },
        },
      },
      status: {
        description: 'How far it is.',
        type: 'object',
        default: { phase: 'Active' },
        properties: { phase: { ...text('Active, or Terminating while it is deleted.', 16), enum: ['Active', 'Terminating'] } },
      },
    },
  },
}

/** What an API server takes for the data of a ConfigMap, all of it together. */
export const CONFIG_MAP_BYTES_MAX = 1024 * 1024

const KEYS = '^[-._a-zA-Z0-9]{1,253}$'

const data = (description: string, value: object) => ({
  description,
  type: 'object',
  maxProperties: 1000,
  additionalProperties: { ...value, type: 'string', maxLength: CONFIG_MAP_BYTES_MAX },
  'x-kubernetes-validations': [
    {
      rule: `self.all(key, key.matches('${KEYS}'))`,
      message: 'a key has 1 to 253 letters, digits, "-", "_" and "."; for a path of a template "__" stands for "/"',
    },
  ],
})

export const CONFIG_MAP: Definition = {
  columns: [AGE],
  selectableFields: [],
  openApi: {
    description: 'Plain data under names: for Bothy, the files of a template.',
    type: 'object',
    properties: {
      ...ROOT,
      metadata: { description: 'Standard metadata.', type: 'object' },
      data: data('Texts by key. As files of a template, "__" in a key stands for "/".', { description: 'The text.' }),
      binaryData: data('Bytes by key, in base64.', { description: 'The bytes.', pattern: '^[A-Za-z0-9+/]*={0,2}$' }),
    },
  },
}

export const EVENT: Definition = {
  columns: [
    { name: 'Last Seen', type: 'date', description: 'When it happened last.', priority: 0, jsonPath: '.deprecatedLastTimestamp' },
    { name: 'Type', type: 'string', description: 'Normal or Warning.', priority: 0, jsonPath: '.type' },
    { name: 'Reason', type: 'string', description: 'What happened, as one word.', priority: 0, jsonPath: '.reason' },
    { name: 'Kind', type: 'string', description: 'The kind of object it happened to.', priority: 0, jsonPath: '.regarding.kind' },
    { name: 'Name', type: 'string', description: 'The object it happened to.', priority: 0, jsonPath: '.regarding.name' },
    { name: 'Message', type: 'string', description: 'What happened, as a sentence.', priority: 0, jsonPath: '.note' },
  ],
  selectableFields: ['.regarding.kind', '.regarding.namespace', '.regarding.name', '.regarding.uid', '.reason', '.type'],
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
