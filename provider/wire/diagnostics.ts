import type { Diagnostic, Path } from '../schema/model.ts'
import { SEVERITY, type AttributePath, type WireDiagnostic } from './tfplugin6.ts'

const NONE = { attributeName: null, elementKeyInt: null }

export const pathMessage = (path: Path): AttributePath => ({
  steps: path.map((step) => (typeof step === 'number' ? { ...NONE, elementKeyInt: step } : { ...NONE, attributeName: step })),
})

export const diagnosticMessage = ({ severity, summary, detail, path }: Diagnostic): WireDiagnostic => ({
  severity: SEVERITY[severity],
  summary,
  detail,
  attribute: path.length > 0 ? pathMessage(path) : null,
})
