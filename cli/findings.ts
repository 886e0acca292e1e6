import { shownPlace, type Place } from './documents.ts'
import { shownRef, type Ref } from './objects.ts'

/** One thing that is wrong with a document, where it stands. */
export interface Finding {
  readonly place: Place
  /** null where the document does not say which object it means. */
  readonly ref: Ref | null
  /** The path of the field; empty where it is about all of the document. */
  readonly field: string
  readonly message: string
  readonly reason: string
  /** An API server's own words; empty where it would say nothing, because it never gets to see this. */
  readonly said: string
}

/** `workspace/dev: spec.power: …`, without the place. */
export const findingText = ({ ref, field, message }: Pick<Finding, 'ref' | 'field' | 'message'>): string =>
  [ref ? shownRef(ref) : '', field, message].filter(Boolean).join(': ')

/** `workspace.yaml:7:5: workspace/dev: spec.power: …`: what editors and people read. */
export const findingLine = (finding: Pick<Finding, 'place' | 'ref' | 'field' | 'message'>): string =>
  `${shownPlace(finding.place)}: ${findingText(finding)}`
export const hintLine = (hint: Finding): string => `${shownPlace(hint.place)}: hint: ${findingText(hint)}`

/** Of a finding that GitHub shows beside the line: https://docs.github.com/actions/reference/workflow-commands. */
export function annotation(level: 'error' | 'warning', finding: Finding): string {
  const { file, line, column } = finding.place
  const place = file === 'stdin' ? '' : `file=${property(file)},line=${line},col=${column},`
  const subject = finding.ref ? shownRef(finding.ref) : 'bothy validate'
  return `::${level} ${place}title=${property(subject)}::${data(findingText({ ...finding, ref: null }))}`
}

const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')

export const findingJson = ({ place, ref, field, message, reason, said }: Finding) => ({
  ...place,
  object: ref ? { kind: ref.kind.kind, namespace: ref.kind.namespaced ? ref.namespace : null, name: ref.name } : null,
  field,
  reason,
  message,
  said,
})
