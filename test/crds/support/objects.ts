import { isRefused, type Cause } from '../../../controller/kernel/errors.ts'
import { kindOf, type Kind } from '../../../crds/kinds.ts'
import { admit, type AdmitOptions, type Admitted } from '../../../crds/schema/index.ts'

export function kindNamed(name: string): Kind {
  const kind = kindOf(name)
  if (!kind) throw new Error(`no kind ${name}`)
  return kind
}

export interface Written {
  readonly metadata?: unknown
  readonly spec?: unknown
  readonly status?: unknown
  readonly [name: string]: unknown
}

export const objectOf = (kind: string, written: Written = {}): Readonly<Record<string, unknown>> => ({
  apiVersion: kindNamed(kind).apiVersion,
  kind,
  metadata: { name: 'dev' },
  ...written,
})

export const created = (kind: string, written: Written, options: AdmitOptions = {}): Admitted =>
  admit(kindNamed(kind), objectOf(kind, written), null, options)

export const replaced = (kind: string, written: Written, old: unknown, options: AdmitOptions = {}): Admitted =>
  admit(kindNamed(kind), objectOf(kind, written), old, options)

/** The causes of a refusal as Invalid; fails when it is accepted or refused otherwise. */
export function causesOf(work: () => unknown): readonly Cause[] {
  try {
    work()
  } catch (error) {
    if (isRefused(error, 'Invalid')) return error.details.causes ?? []
    throw error
  }
  throw new Error('was accepted')
}

export function refusalOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (isRefused(error)) return `${error.code} ${error.reason} ${error.message}`
    throw error
  }
  throw new Error('was accepted')
}

export const workspace = (spec: object = {}): Written => ({ spec: { template: { name: 'node' }, ...spec } })
export const template = (spec: object = {}): Written => ({ spec: { source: { type: 'Folder', folder: { path: 'node' } }, ...spec } })
