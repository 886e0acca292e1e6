import { resolveParameters, type ParameterProblem } from '../../../crds/parameters.ts'
import { isKept } from '../../kernel/kept.ts'
import { sha256 } from '../../kernel/names.ts'
import { plain } from '../../kernel/plain.ts'
import type { Reason } from '../../kernel/reasons.ts'
import type { BuildInput, VersionRow } from '../../store/records.ts'
import { ended } from '../verdict.ts'
import { capital, newestStart, newestSucceededStart, paceOf, START_TRIES_MAX } from './builds.ts'
import type { Seen } from './seen.ts'

/** What a start queued now would be made of, or what keeps it from being queued. */
export type StartInputs = { readonly ready: true; readonly digest: string; readonly input: BuildInput; readonly inputs: string } | Blocked

export interface Blocked {
  readonly ready: false
  readonly reason: Reason
  readonly message: string
  /** Waiting does not help: somebody has to change something. */
  readonly stalled: boolean
}

const blocked = (reason: Reason, message: string, stalled = true): Blocked => ({ ready: false, reason, message, stalled })

/** Today's inputs of a start. */
export function startInputs(seen: Seen): StartInputs {
  const problem = templateProblem(seen)
  if (problem) return problem
  const { template } = seen
  const digest = versionToStart(seen)
  if (!template || digest === null) return notReady(seen)
  const version = seen.versions.find((row) => row.digest === digest && row.importedAt !== null)
  if (!version) return unknownVersion(seen, digest)
  if (template.variablesProblem) return blocked('VariableMissing', template.variablesProblem)
  if (!seen.owner.identity) return blocked('OwnerMissing', 'The workspace has no owner: set spec.owner.')
  const { values, problems } = valuesOf(seen, version)
  if (problems.length > 0) return blocked('ParameterInvalid', problems.map(told).join(' '))
  const previous = newestSucceededStart(seen.builds)?.input?.parameters ?? {}
  const input: BuildInput = {
    owner: seen.owner.identity,
    template: { uid: template.uid, namespace: template.namespace, name: template.name },
    parameters: values,
    previousParameters: previous,
    variables: template.variables,
    preset: seen.workspace.preset,
  }
  return { ready: true, digest, input, inputs: inputsDigest(digest, input) }
}

const told = ({ message }: ParameterProblem): string => capital(ended(plain(message)))

function templateProblem({ template, workspace, builds }: Seen): Blocked | null {
  const name = `Template ${workspace.template.namespace}/${workspace.template.name}`
  if (!template) return blocked('TemplateMissing', `${name} does not exist.`, false)
  if (template.deleting) return blocked('TemplateNotReady', `${name} is being deleted and starts nothing new.`, false)
  const own = template.namespace === workspace.namespace
  const granted = own || template.allowedNamespaces.includes('*') || template.allowedNamespaces.includes(workspace.namespace)
  if (!granted) return blocked('TemplateNotAllowed', `${name} does not allow namespace ${workspace.namespace} (spec.allowedNamespaces).`)
  if (template.deprecated && !newestSucceededStart(builds)) {
    return blocked('TemplateDeprecated', `${name} takes no new workspaces: ${template.deprecated}`)
  }
  return null
}

function notReady({ template, workspace }: Seen): Blocked {
  const name = `Template ${workspace.template.namespace}/${workspace.template.name}`
  const problem = template?.problem
  return blocked(
    'TemplateNotReady',
    `${name} has no version to build yet${problem ? `: ${problem.message}` : '.'}`,
    problem?.stalled ?? false,
  )
}

function unknownVersion({ workspace }: Seen, digest: string): Blocked {
  const pinned = workspace.template.digest === digest
  return blocked('TemplateNotReady', `Version ${digest} of template ${workspace.template.name} is not imported.`, pinned)
}

/** Pinned, else the active one where it is taken by itself, else the one the workspace last started with. */
function versionToStart(seen: Seen): string | null {
  const { workspace, template, builds } = seen
  if (workspace.template.digest) return workspace.template.digest
  const own = newestSucceededStart(builds)?.digest ?? null
  const active = template?.activeDigest ?? null
  const takesActive = workspace.updates === 'Automatic' || (template?.requireActiveVersion ?? false)
  return own === null || takesActive || noLongerStarts(seen, own) ? (active ?? own) : own
}

/** Its own version failed for good: keeping it would keep a workspace broken that a mended template can heal. */
function noLongerStarts({ builds }: Seen, own: string): boolean {
  const { failures } = paceOf(builds, 'start', () => true)
  return (
    paceOf(
      failures.filter(({ digest }) => digest === own),
      'start',
      () => true,
    ).tries >= START_TRIES_MAX
  )
}

function valuesOf({ workspace, builds }: Seen, version: VersionRow) {
  const last = newestSucceededStart(builds)?.input
  const preset = version.presets.find(({ name }) => name === workspace.preset)
  // Choosing another preset is a choice of today; without this the values of the previous build would hide it.
  const chosen = last && preset && last.preset !== workspace.preset ? known(version, preset.parameters) : {}
  return resolveParameters({
    parameters: version.parameters,
    presets: version.presets,
    preset: workspace.preset,
    explicit: { ...chosen, ...workspace.parameters },
    previous: last?.parameters ?? {},
    conditional: version.facts?.conditional ?? false,
  })
}

const known = (version: VersionRow, values: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => version.parameters.some((parameter) => parameter.name === name)))

/**
 * Whether what changes at once (parameters, pinned version, preset, variables) differs from the newest start's. Its own
 * version is compared, since a newer active version alone waits for the next start.
 */
export function inputsChanged(seen: Seen): boolean {
  const newest = newestStart(seen.builds)
  if (!newest || !seen.template || templateProblem(seen) !== null || seen.template.variablesProblem !== null) return false
  const digest = seen.workspace.template.digest ?? newest.digest
  const version = seen.versions.find((row) => row.digest === digest && row.importedAt !== null)
  // A pinned version that is not there is a change that cannot be made; a missing own version says nothing.
  if (!version) return digest !== newest.digest
  const { values, problems } = valuesOf(seen, version)
  if (problems.length > 0) return true
  const today = { parameters: values, preset: seen.workspace.preset, variables: seen.template.variables }
  return inputsDigest(digest, today) !== newest.inputs
}

/** A credential that was renewed is what the next start is made with; nobody is interrupted for it. */
const withoutKept = ([name, value]: readonly [string, string]) => [name, isKept(value) ? 'kept' : value]

/** The same inputs are the same digest, whatever order they were written in. */
function inputsDigest(digest: string, input: Pick<BuildInput, 'parameters' | 'preset' | 'variables'>): string {
  return sha256(JSON.stringify([digest, sorted(input.parameters), input.preset, sorted(input.variables).map(withoutKept)]))
}

const sorted = (values: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1))
