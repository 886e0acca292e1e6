import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { templateFolderOf } from '../crds/template-folders.ts'
import { placeIn, readGiven, type Given, type Readings } from './documents.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { annotation, findingJson, findingLine, hintLine, type Finding } from './findings.ts'
import { judge, type Judged } from './judge.ts'
import { referenceFindings, toldOnce } from './references.ts'
import type { Run, Session } from './session.ts'
import { zoneHints } from './zone-hints.ts'

/** Files judged as an API server would judge them, by this program alone: for a hook before a commit, and for a pipeline. */
export const run: Run = async (session, args, options) => {
  const paths = [...args, ...options.list('file')]
  if (paths.length === 0) throw usage('nothing to read is named', 'name files or folders, or - for what is piped in')
  const readings = await readGiven(paths)
  if (readings.documents.length + readings.problems.length === 0)
    throw new Failure(EXIT.didNotBecomeSo, { what: 'there is no document in what was given', fix: 'see that the file is not empty' })
  const verdict = verdictOf(readings, session.namespace, options.flag('closed'))
  PRINT[session.output ?? 'text']?.(session, verdict)
  return verdict.findings.length === 0 ? EXIT.done : EXIT.didNotBecomeSo
}

interface Verdict {
  /** Of ours, and those that cannot be read. */
  readonly documents: number
  readonly wrong: number
  /** Some are wrong only beside the others. */
  readonly wrongTogether: boolean
  readonly findings: readonly Finding[]
  readonly hints: readonly Finding[]
  /** How many documents of each kind that is not ours. */
  readonly notJudged: ReadonlyMap<string, number>
  /** Where the files of templates are. */
  readonly folders: readonly string[]
}

function verdictOf({ documents, problems }: Readings, namespace: string, isAll: boolean): Verdict {
  const judged = documents.map((given) => judge(given, namespace))
  const ours = judged.filter(({ foreign }) => foreign === null)
  const references = referenceFindings(ours, isAll)
  const folders = documents.flatMap(folderOf)
  const hints = [...(isAll ? [] : toldOnce(references)), ...zoneHints(ours), ...folders.flatMap(({ hint }) => hint ?? [])]
  const together = isAll ? references : []
  const findings = [...problems.map(unreadable), ...ours.flatMap((each) => each.findings), ...together]
  const fine = ours.filter((each) => each.findings.length === 0).length
  return {
    documents: ours.length + problems.length,
    wrong: ours.length - fine + problems.length,
    wrongTogether: together.length > 0,
    findings: findings.toSorted(byPlace),
    hints: hints.toSorted(byPlace),
    notJudged: counted(judged),
    folders: [...new Set(folders.flatMap(({ folder, hint }) => (hint ? [] : folder)))],
  }
}

const unreadable = ({ message, ...place }: Readings['problems'][number]): Finding => ({
  place,
  ref: null,
  field: '',
  message,
  reason: 'InvalidYaml',
  said: '',
})

const byPlace = ({ place: a }: Finding, { place: b }: Finding): number =>
  a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1

const counted = (judged: readonly Judged[]): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(judged, ({ foreign }) => foreign)].flatMap(([kind, all]) => (kind === null ? [] : [[kind, all.length]])))

/** The folder of a template lies beside the file that names it; where what was piped in comes from, nobody knows. */
function folderOf(given: Given): { readonly folder: string; readonly hint: Finding | null }[] {
  const path = given.place.file === 'stdin' ? null : templateFolderOf(given.object)
  if (path === null) return []
  const folder = join(dirname(given.place.file), path)
  const field = 'spec.source.folder.path'
  const message = `there is no folder ${folder}`
  const missing = { place: placeIn(given, field), ref: null, field, message, reason: 'FolderUnavailable', said: '' }
  return [{ folder, hint: existsSync(folder) ? null : missing }]
}

function text(session: Session, verdict: Verdict): void {
  for (const finding of verdict.findings) session.terminal.out(findingLine(finding))
  for (const hint of verdict.hints) session.terminal.out(hintLine(hint))
  summary(session, verdict)
}

function github(session: Session, verdict: Verdict): void {
  for (const finding of verdict.findings) session.terminal.out(annotation('error', finding))
  for (const hint of verdict.hints) session.terminal.out(annotation('warning', hint))
  summary(session, verdict)
}

function json({ terminal }: Session, { findings, hints, notJudged, ...verdict }: Verdict): void {
  const { documents, wrong, folders } = verdict
  const answer = {
    valid: findings.length === 0,
    documents,
    wrong,
    findings: findings.map(findingJson),
    hints: hints.map(findingJson),
    notJudged: Object.fromEntries(notJudged),
    templateFolders: folders,
  }
  terminal.out(JSON.stringify(answer, null, 2))
}

const PRINT: Readonly<Record<string, (session: Session, verdict: Verdict) => void>> = { text, github, json }

function summary({ terminal, environment }: Session, { documents, wrong, wrongTogether, notJudged, folders }: Verdict): void {
  if (terminal.quiet) return
  const all = documents === 1 ? '1 document' : `${documents} documents`
  if (wrong > 0) terminal.err(`bothy: ${wrong} of ${all} wrong${wrongTogether ? ' alone, and more together' : ''}`)
  else terminal.err(wrongTogether ? `bothy: ${all} fine alone, and not together` : `${all} fine`)
  if (notJudged.size > 0) terminal.err(`not judged: ${[...notJudged].map(([kind, count]) => `${count} × ${kind}`).join(', ')}`)
  for (const folder of folders) terminal.err(`what is in ${folder} is judged by: ${environment.program} template validate ${folder}`)
}
