import { toIso, type Instant } from '../../kernel/clock.ts'
import type { Reason } from '../../kernel/reasons.ts'
import type { Reasons } from '../kind.ts'
import { ended } from '../verdict.ts'
import { mayBeRunning } from './builds.ts'
import { conditionsOf } from './conditions.ts'
import { remembering } from './life.ts'
import { startsAt } from './schedule/autostart.ts'
import { nextStop, type Stop } from './schedule/stops.ts'
import { isHeld, isInUse } from './schedule/use.ts'
import type { Seen } from './seen.ts'
import { stepTo, type Step } from './step.ts'
import { explained, wants, type Want } from './wants.ts'

/** What would change it, by what holds it. */
const CHANGES: Partial<Readonly<Record<Reason, string>>> = {
  Retry: 'Wait, or change the spec or the template; a request to start begins anew.',
  TemplateMissing: 'Declare the template; the workspace goes on by itself.',
  TemplateNotReady: 'Wait for the template, or see what is wrong with it: bothy why template/NAME.',
  TemplateNotAllowed: 'Add the namespace to spec.allowedNamespaces of the template.',
  TemplateDeprecated: 'Use another template.',
  ParameterInvalid: 'Correct spec.parameters.',
  OwnerMissing: 'Set spec.owner.',
  NoProvisioner: 'Run a provisioner that has the labels.',
  StartFailed: 'Change the spec or the template, or ask for a start: bothy start NAME.',
  BuildFailed: 'Change the spec or the template, or ask for a start or a stop.',
  BuildCanceled: 'Change the spec, or ask for a start: bothy start NAME.',
  MachineLost: 'Find out why its machine disappears; it is started again when the hour is over.',
  AwaitingApproval: 'See status.plan, and agree: bothy approve NAME; or change the spec.',
  PlanFailed: 'Change the spec or the template, or ask for a start: bothy start NAME.',
  Planning: 'The plan, in a moment.',
  Paused: 'Remove the annotation bothy.dev/paused.',
  Suspended: 'Lift the suspension of its owner.',
  BroughtDown: 'Run bothy up.',
  Queued: 'A provisioner that is free takes it.',
  Starting: 'The end of the build.',
  Stopping: 'The end of the build.',
  Deleting: 'The end of the build.',
  AgentConnecting: 'Its agent connects once its machine is up.',
  AgentTimeout: 'See why its agent does not connect: bothy logs NAME.',
  AgentDisconnected: 'Its agent connects again, or its machine is found to be gone and is made anew.',
}

/** The same rules, with what each of them says. */
export function why(observed: Seen, now: Instant): Reasons {
  const seen = remembering(observed, now)
  const want = wants(seen, now)
  const step = stepTo(want, seen, now)
  const conditions = conditionsOf(seen, want, step)
  const ready = conditions.find(({ type }) => type === 'Ready')
  const reason = ready?.reason ?? want.reason
  const settled = ready?.status === 'True'
  const stop = nextStop(seen, now)
  const until =
    step.is === 'held' || step.is === 'shutdown' ? step.until : (stop?.at ?? (mayBeRunning(seen.builds) ? null : startsAt(seen, now)))
  return {
    summary: [summaryOf(seen, want, step, ready?.message ?? want.message), ...byTheClock(seen, stop, now)].join(' '),
    wants: wantedBy(want, step),
    reason: step.is === 'building' ? step.build.reason : want.reason,
    holds: settled ? '' : `${reason}: ${ready?.message ?? ''}`,
    until: until === null ? null : toIso(until),
    changes:
      (settled && stop ? CHANGES_STOP[stop.reason] : undefined) ??
      (settled ? CHANGES_ASLEEP[want.reason] : (CHANGES[reason] ?? CHANGES[want.reason])) ??
      'A change of its spec, its template or its owner, or a request.',
    rules: explained(seen, now),
  }
}

const CHANGES_ASLEEP: Partial<Readonly<Record<Reason, string>>> = {
  Dormant: 'Ask for a start: bothy start NAME.',
}

const CHANGES_STOP: Readonly<Record<Stop['reason'], string>> = {
  Deadline: 'Use it, or ask for more time: bothy extend NAME, bothy hold NAME.',
  Idle: 'Use it, or hold it: bothy hold NAME.',
}

/** When it stops or starts by itself, and who keeps it awake. */
function byTheClock(seen: Seen, stop: Stop | null, now: Instant): string[] {
  if (!mayBeRunning(seen.builds)) {
    const at = startsAt(seen, now)
    return at === null ? [] : [`It starts by itself at ${toIso(at)}.`]
  }
  const [use] = isInUse(seen, now) ? seen.activity.sources : []
  const { holdUntil, holdReason } = seen.life
  return [
    ...(use ? [`It is in use (${use.kind}${use.by ? `, ${use.by}` : ''}).`] : []),
    ...(isHeld(seen, now) && holdUntil !== null
      ? [`It is held until ${toIso(holdUntil)}${holdReason ? `: ${ended(holdReason)}` : '.'}`]
      : []),
    ...(stop ? [`It stops at ${toIso(stop.at)} (${stop.reason}) if nothing else happens.`] : []),
  ]
}

/** While a build is under way, what it makes is what is wanted. */
function wantedBy(want: Want, step: Step): string {
  if (step.is !== 'building' || want.wants !== 'as it is') return want.wants
  return step.build.transition === 'start' ? 'running' : step.build.transition === 'stop' ? 'stopped' : 'destroyed'
}

function summaryOf({ workspace }: Seen, want: Want, step: Step, message: string): string {
  const wanted = wantedBy(want, step)
  const what = wanted === 'as it is' ? 'stays as it is' : wanted === 'gone' ? 'is to go' : `is to be ${wanted}`
  const because = want.reason === 'Handled' ? '' : ` (${want.reason})`
  return `Workspace ${workspace.name} ${what}${because}. ${message}`
}
