import type { ParameterOption, TemplateParameter, TemplatePreset } from '../crds/parameters.ts'
import { field, isRecord, listOf, numberOf, textOf, type JsonRecord } from './json.ts'
import type { ApiObject } from './objects.ts'

/** What a template asks of a workspace, as its status tells. */
export interface TemplateAsks {
  readonly parameters: readonly TemplateParameter[]
  readonly presets: readonly TemplatePreset[]
}

/** null: no version of it was imported yet, so nobody knows. */
export function asksOf(template: ApiObject): TemplateAsks | null {
  const status = field(template, 'status')
  if (field(status, 'parameters') === undefined) return null
  return {
    parameters: listOf(field(status, 'parameters')).map(parameterOf),
    presets: listOf(field(status, 'presets')).map(presetOf),
  }
}

const text = (value: unknown, name: string): string => textOf(field(value, name)) ?? ''

const TYPES: readonly TemplateParameter['type'][] = ['string', 'number', 'bool', 'list(string)']

function parameterOf(value: unknown, order: number): TemplateParameter {
  const validation = field(value, 'validation')
  return {
    name: text(value, 'name'),
    type: TYPES.find((type) => type === field(value, 'type')) ?? 'string',
    displayName: '',
    description: text(value, 'description'),
    formType: text(value, 'formType'),
    mutable: field(value, 'mutable') === true,
    ephemeral: false,
    required: field(value, 'required') === true,
    default: textOf(field(value, 'default')),
    options: listOf(field(value, 'options')).map(optionOf),
    validation: isRecord(validation) ? validationOf(validation) : null,
    order,
  }
}

const optionOf = (value: unknown): ParameterOption => ({
  name: text(value, 'name'),
  value: text(value, 'value'),
  description: text(value, 'description'),
})

const validationOf = (value: JsonRecord): TemplateParameter['validation'] => ({
  min: numberOf(value['min']),
  max: numberOf(value['max']),
  monotonic: null,
  regex: textOf(value['regex']),
  error: textOf(value['error']),
})

function presetOf(value: unknown): TemplatePreset {
  const parameters = field(value, 'parameters')
  return {
    name: text(value, 'name'),
    default: field(value, 'default') === true,
    description: '',
    parameters: Object.fromEntries(Object.entries(isRecord(parameters) ? parameters : {}).map(([name, given]) => [name, String(given)])),
  }
}
