import type { Happening } from '../../cluster/port.ts'
import type { Instant } from '../../kernel/clock.ts'
import { sha256 } from '../../kernel/names.ts'
import type { Reason } from '../../kernel/reasons.ts'
import { declaredCondition, storedMessage, type GivenCondition } from '../../status/conditions.ts'
import type { NewImport } from '../../store/records.ts'
import { capital } from '../workspace/builds.ts'
import { isServed, startIsOverAt } from '../provisioners.ts'
import { ended, sentenceOf, type Explanation, type Verdict } from '../verdict.ts'
import { FINALIZER, type Seen, type Source } from './seen.ts'
import { statusOf } from './status.ts'
import { activeVersion, isImported, shortDigest, wantedDigest } from './versions.ts'

export type Action =
  | { readonly do: 'add-finalizer'; readonly finalizer: string }
  | { readonly do: 'remove-finalizer'; readonly finalizer: string }
  | { readonly do: 'queue-import'; readonly job: NewImport; readonly source: Extract<Source, { usable: true }> | null }
  | { readonly do: 'emit'; readonly happening: Happening }

/** What a rule says: the state of the template, and what to do about it. */
export interface Opinion {
  readonly ready: boolean
  readonly reason: Reason
  readonly message: string
  readonly how?: 'Reconciling' | 'Stalled'
  readonly inUse?: boolean
  readonly actions?: readonly Action[]
  readonly wakeAt?: Instant
}

export type Rule = (seen: Seen, now: Instant) => Opinion | null

const RETRY_MS = 10_000
const LOOK_AGAIN_MS = 5_000
/** Values that are elsewhere are read again: nobody tells when they change. */
const VALUES_AGAIN_MS = 30_000
/** Ended through nobody's fault: the same files may be imported the next time. */
const TRIED_AGAIN: ReadonlySet<Reason | null> = new Set([
  'Interrupted',
  'ProvisionerLost',
  'NoProvisioner',
  'BuildTimeout',
  'InternalError',
])

const stalled = (reason: Reason, message: string): Opinion => ({ ready: false, reason, message: capital(message), how: 'Stalled' })
const onItsWay = (reason: Reason, message: string, more: Partial<Opinion> = {}): Opinion => ({
  ready: false,
  reason,
  message,
  how: 'Reconciling',
  ...more,
})

function templateIsBeingDeleted({ template, workspaces }: Seen): Opinion | null {
  if (!template.deleting) return null
  if (workspaces.total > 0) {
    const others = workspaces.total - workspaces.names.length
    const message = `It goes once no workspace uses it: ${workspaces.names.join(', ')}${others > 0 ? ` and ${others} more` : ''}.`
    return onItsWay('InUse', message, { inUse: true })
  }
  return onItsWay('Deleting', 'No workspace uses it any more.', {
    actions: template.hasFinalizer ? [{ do: 'remove-finalizer', finalizer: FINALIZER }] : [],
  })
}

function wantedVersionIsImported(seen: Seen): Opinion | null {
  const wanted = wantedDigest(seen)
  const row = seen.versions.find(({ digest }) => digest === wanted)
  return isImported(row) ? { ready: true, reason: 'Imported', message: `Version ${shortDigest(row.digest)} is active.` } : null
}

function pinnedVersionIsUnknown({ template, source, versions }: Seen): Opinion | null {
  if (template.pinned === null || versions.some(({ digest }) => digest === template.pinned)) return null
  if (source.usable && source.digest === template.pinned) return null
  return stalled('SourceMissing', `Version ${template.pinned} is pinned, but its files were never seen.`)
}

function sourceCannotBeUsed({ source, template }: Seen): Opinion | null {
  return template.pinned === null && !source.usable ? stalled(source.reason, source.message) : null
}

function importIsUnderWay({ newestImport, provisioners, template, controllerStartedAt }: Seen, now: Instant): Opinion | null {
  if (!newestImport || newestImport.finishedAt !== null) return null
  const starting = now < startIsOverAt(controllerStartedAt)
  if (newestImport.phase === 'Queued' && !starting && !isServed(template.labels, provisioners, now)) {
    return onItsWay('NoProvisioner', `Version ${shortDigest(newestImport.digest)} is to be imported and waits for a provisioner.`, {
      wakeAt: now + LOOK_AGAIN_MS,
    })
  }
  return onItsWay('Importing', `Version ${shortDigest(newestImport.digest)} is being imported.`, { wakeAt: now + LOOK_AGAIN_MS })
}

/** Mended where it is, and not in the template: it is looked for again. */
function variableIsMissing({ template }: Seen, now: Instant): Opinion | null {
  return template.variablesProblem ? { ...stalled('VariableMissing', template.variablesProblem), wakeAt: now + VALUES_AGAIN_MS } : null
}

/** A mistake in the files stays one until they, or the variables they are read with, change. */
function importFailed(seen: Seen, now: Instant): Opinion | null {
  const { newestImport, template } = seen
  if (!newestImport || newestImport.phase === 'Succeeded') return null
  const active = activeVersion(seen)
  const keeps = active ? ` Version ${shortDigest(active.digest)} stays active.` : ''
  const message = `${capital(ended(newestImport.error ?? 'The import left no message.'))}${keeps}`
  if (TRIED_AGAIN.has(newestImport.errorReason)) {
    const retryAt = (newestImport.finishedAt ?? newestImport.queuedAt) + RETRY_MS
    return now < retryAt ? onItsWay('Retry', `${message} It is tried again.`, { wakeAt: retryAt }) : null
  }
  const sameAgain = newestImport.inputs === inputsOf(seen) && !template.lookAsked
  return sameAgain ? stalled(newestImport.errorReason ?? 'ImportFailed', message) : null
}

function filesAreNew(seen: Seen): Opinion | null {
  const digest = wantedDigest(seen)
  if (digest === null) return null
  const job = importOf(seen, digest)
  const source = seen.source.usable && seen.source.digest === digest ? seen.source : null
  return onItsWay('Importing', `Version ${shortDigest(digest)} is being imported.`, { actions: [{ do: 'queue-import', job, source }] })
}

/** The first that has an opinion wins. */
export const RULES: readonly Rule[] = [
  // Deleting starts nothing new, and needs neither files nor provisioner.
  templateIsBeingDeleted,
  // What is imported stays usable, also when its files cannot be read any more.
  wantedVersionIsImported,
  pinnedVersionIsUnknown,
  sourceCannotBeUsed,
  importIsUnderWay,
  // Before an import: it would only fail for want of the value, with a worse message.
  variableIsMissing,
  importFailed,
  filesAreNew,
]

export function decide(seen: Seen, now: Instant): Verdict<Action> {
  const opinion = opinionOf(seen, now)
  const { template } = seen
  // First of all, so that no workspace ever finds a template that vanished under it.
  const own: Action[] = template.hasFinalizer || template.deleting ? [] : [{ do: 'add-finalizer', finalizer: FINALIZER }]
  const told = happenings(seen, opinion).map((happening): Action => ({ do: 'emit', happening }))
  return {
    actions: [...own, ...(opinion.actions ?? []), ...told],
    conditions: conditionsOf(seen, opinion),
    status: statusOf(seen),
    wakeAt: opinion.wakeAt ?? (template.variablesElsewhere ? now + VALUES_AGAIN_MS : null),
  }
}

export function opinionOf(seen: Seen, now: Instant): Opinion {
  for (const rule of RULES) {
    const opinion = rule(seen, now)
    if (opinion) return opinion
  }
  throw new Error(`no rule judges template ${seen.template.name}`)
}

export function explained(seen: Seen, now: Instant): Explanation[] {
  let decided = false
  return RULES.map((rule) => {
    const opinion = rule(seen, now)
    const decides = opinion !== null && !decided
    decided ||= decides
    const text = opinion ? `${opinion.reason}: ${opinion.message}` : 'no opinion'
    return { rule: sentenceOf(rule.name), opinion: text, decides }
  })
}

function conditionsOf({ template }: Seen, { ready, reason, message, how, inUse }: Opinion): GivenCondition[] {
  const declared = declaredCondition(template.sourceError)
  return [
    { type: 'Ready', status: ready ? 'True' : 'False', reason, message },
    ...(how ? [{ type: how, status: 'True' as const, reason, message }] : []),
    ...(inUse ? [{ type: 'InUse', status: 'True' as const, reason, message }] : []),
    ...(declared ? [declared] : []),
  ]
}

/** Told when it is new: the status written after it says that it is known. */
function happenings(seen: Seen, { reason, message, how }: Opinion): Happening[] {
  const { namespace, name, uid, before } = seen.template
  const regarding = { kind: 'Template', namespace, name, uid }
  const active = activeVersion(seen)
  const isNew = active !== null && active.digest !== before.activeDigest
  const failedNow =
    how === 'Stalled' &&
    seen.newestImport !== null &&
    !before.conditions.some((one) => one.type === 'Stalled' && one.message === storedMessage(message))
  return [
    ...(isNew
      ? [
          {
            regarding,
            type: 'Normal' as const,
            reason: 'Imported',
            action: 'Import',
            note: `Version ${shortDigest(active.digest)} is active.`,
          },
        ]
      : []),
    ...(failedNow
      ? [{ regarding, type: 'Warning' as const, reason: 'ImportFailed', action: 'Import', note: `${reason}: ${message}` }]
      : []),
  ]
}

const inputsOf = ({ template }: Seen): string =>
  sha256(JSON.stringify(Object.entries(template.variables).toSorted(([a], [b]) => (a < b ? -1 : 1))))

function importOf(seen: Seen, digest: string): NewImport {
  const { uid, namespace, name, labels, variables } = seen.template
  const nobody = { name: 'default', id: '00000000-0000-0000-0000-000000000000', fullName: 'default', email: 'default@example.com' }
  return {
    subject: { uid, namespace, name },
    digest,
    reason: 'SourceChanged',
    initiator: 'bothy',
    // Somebody waits for the first workspace.
    class: 'person',
    labels,
    inputs: inputsOf(seen),
    input: { owner: nobody, template: { uid, namespace, name }, parameters: {}, previousParameters: {}, variables, preset: null },
  }
}
