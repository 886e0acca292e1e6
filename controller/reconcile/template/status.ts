import type { ParameterOption, ParameterValidation } from '../../../crds/parameters.ts'
import { toIso } from '../../kernel/clock.ts'
import type { TemplateParameter, VersionRow } from '../../store/records.ts'
import type { Seen } from './seen.ts'
import { activeVersion, shortDigest } from './versions.ts'

const VERSIONS_MAX = 10
const PARAMETERS_MAX = 100
const PRESETS_MAX = 50
const MESSAGE_LENGTH_MAX = 1000
const DESCRIPTION_LENGTH_MAX = 2000
const OPTIONS_MAX = 100
const NAME_LENGTH_MAX = 256
const TEXT_LENGTH_MAX = 1024

/** The fields of status besides conditions. */
export function statusOf(seen: Seen): Readonly<Record<string, unknown>> {
  const active = activeVersion(seen)
  const { total, running, outdated } = seen.workspaces
  return {
    ...(active ? { activeVersion: versionStatus(active) } : {}),
    versions: seen.versions
      .filter(({ importedAt, failedAt }) => importedAt !== null || failedAt !== null)
      .slice(0, VERSIONS_MAX)
      .map(pastVersion),
    parameters: (active?.parameters ?? []).slice(0, PARAMETERS_MAX).map(parameterStatus),
    presets: (active?.presets ?? [])
      .slice(0, PRESETS_MAX)
      .map(({ name, default: first, parameters }) => ({ name, default: first, parameters })),
    workspaces: { total, running, outdated },
  }
}

const pastVersion = ({ digest, importedAt, error }: VersionRow) => ({
  digest,
  ...(importedAt === null ? {} : { importedAt: toIso(importedAt) }),
  ...(error === null ? {} : { message: error.slice(0, MESSAGE_LENGTH_MAX) }),
})

const versionStatus = ({ digest, importedAt, source }: VersionRow) => ({
  digest,
  short: shortDigest(digest),
  ...(importedAt === null ? {} : { importedAt: toIso(importedAt) }),
  ...(source ? { source } : {}),
})

const parameterStatus = ({
  name,
  type,
  required,
  default: value,
  mutable,
  description,
  formType,
  options,
  validation,
}: TemplateParameter) => ({
  name,
  type,
  required,
  ...(value === null ? {} : { default: value }),
  mutable,
  ...(description ? { description: description.slice(0, DESCRIPTION_LENGTH_MAX) } : {}),
  ...(options.length > 0 && fit(options) ? { formType, options: options.map(optionStatus) } : {}),
  ...(validation ? { validation: validationStatus(validation) } : {}),
})

/** Half of the options would make the others look forbidden. */
const fit = (options: readonly ParameterOption[]): boolean =>
  options.length <= OPTIONS_MAX && options.every(({ name, value }) => name.length <= NAME_LENGTH_MAX && value.length <= TEXT_LENGTH_MAX)

const optionStatus = ({ name, value, description }: ParameterOption) => ({
  name,
  value,
  ...(description ? { description: description.slice(0, TEXT_LENGTH_MAX) } : {}),
})

const isShown = (bound: number | null): bound is number => bound !== null && Math.abs(bound) <= Number.MAX_SAFE_INTEGER

const validationStatus = ({ min, max, regex, error }: ParameterValidation) => ({
  ...(isShown(min) ? { min } : {}),
  ...(isShown(max) ? { max } : {}),
  ...(regex === null || regex.length > TEXT_LENGTH_MAX ? {} : { regex }),
  ...(error === null ? {} : { error: error.slice(0, TEXT_LENGTH_MAX) }),
})
