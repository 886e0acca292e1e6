import type { Column } from './columns.ts'
import { isJsonObject, own } from './schema/types.ts'

/** What of Kubernetes' own kinds is served without a cluster, as far as we use it. */

export interface Definition {
  readonly columns: readonly Column[]
  readonly selectableFields: readonly string[]
  /** The OpenAPI schema of the kind. */
  readonly openApi: unknown
}

export const text = (description: string, maxLength: number) => ({ description, type: 'string', maxLength })

export const ROOT = {
  apiVersion: text('The version of the API this object is written in.', 64),
  kind: text('The kind of object this is.', 64),
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

const BASE64 = '^[A-Za-z0-9+/]*={0,2}$'
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

const size = (...names: readonly string[]) => ({
  name: 'Data',
  type: 'string' as const,
  description: 'How many values it has.',
  priority: 0,
  jsonPath: '.data',
  of: (object: unknown) => names.reduce((sum, name) => sum + Object.keys(objectIn(object, name)).length, 0),
})

const objectIn = (object: unknown, name: string): object => {
  const value = isJsonObject(object) ? own(object, name) : undefined
  return isJsonObject(value) ? value : {}
}

const IMMUTABLE = { description: 'Whether nothing but its metadata may be changed any more.', type: 'boolean' }

export const CONFIG_MAP: Definition = {
  columns: [size('data', 'binaryData'), AGE],
  selectableFields: [],
  openApi: {
    description: 'Plain data under names: for Bothy, the files of a template.',
    type: 'object',
    properties: {
      ...ROOT,
      metadata: { description: 'Standard metadata.', type: 'object' },
      immutable: IMMUTABLE,
      data: data('Texts by key. As files of a template, "__" in a key stands for "/".', { description: 'The text.' }),
      binaryData: data('Bytes by key, in base64.', { description: 'The bytes.', pattern: BASE64 }),
    },
  },
}

export const SECRET: Definition = {
  columns: [{ name: 'Type', type: 'string', description: 'What it is for.', priority: 0, jsonPath: '.type' }, size('data'), AGE],
  selectableFields: ['.type'],
  openApi: {
    description: 'Values that nobody may see. They are kept sealed, and never read back.',
    type: 'object',
    properties: {
      ...ROOT,
      metadata: { description: 'Standard metadata.', type: 'object' },
      type: { ...text('What it is for.', 253), default: 'Opaque' },
      immutable: IMMUTABLE,
      data: data('Values by key, in base64. Shown empty; written empty, a value stays as it is.', {
        description: 'The value.',
        pattern: BASE64,
      }),
      stringData: data('Values by key, as they are. What is written here goes into data.', { description: 'The value.' }),
    },
  },
}
