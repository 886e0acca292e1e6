import { toIso, type Instant } from '../../kernel/clock.ts'
import type { Job, Transition } from '../../store/records.ts'
import { waitingPlan } from './approval.ts'
import { buildInFlight, capital, isSucceededStart, mayBeRunning, newestSettled, newestStart } from './builds.ts'
import type { AgentSeen, AppSeen, Seen } from './seen.ts'
import { activityOf, scheduleOf } from './status-clock.ts'
import type { Step } from './step.ts'
import type { Want } from './wants.ts'

/** The fields of status besides conditions. All of it can be made again from what was observed. */

const AGENTS_MAX = 32
const APPS_MAX = 64
const URL_LENGTH_MAX = 2048
const OUTPUTS_MAX = 100
const MESSAGE_LENGTH_MAX = 1000

export function statusOf(seen: Seen, want: Want, step: Step, runningNow: boolean, now: Instant): Readonly<Record<string, unknown>> {
  const build = seen.builds[0]
  const start = newestStart(seen.builds)
  return {
    ...(seen.owner.identity ? { owner: seen.owner.identity.name } : {}),
    state: stateOf(seen, want, step, runningNow),
    power: powerOf(seen),
    ...scheduleOf(seen, now),
    ...activityOf(seen),
    ...(build ? { build: buildStatus(build) } : {}),
    ...(start ? { template: templateStatus(seen, start.digest) } : {}),
    ...planOf(seen, step),
    ...(seen.agents.length > 0 ? { agents: seen.agents.slice(0, AGENTS_MAX).map((agent) => agentStatus(seen, agent)) } : {}),
    ...outputsOf(seen),
  }
}

/** One word for people, derived from the rest. */
function stateOf(seen: Seen, want: Want, step: Step, runningNow: boolean): string {
  if (seen.workspace.deleting) return 'Deleting'
  if (want.reason === 'Paused') return 'Paused'
  const build = buildInFlight(seen.builds)
  if (build) return stateDuring(build)
  if (step.is === 'queue') return step.build.transition === 'start' ? 'Queued' : 'Stopping'
  if (step.is === 'shutdown') return 'Stopping'
  // What runs goes on running meanwhile.
  if (step.is === 'held' && step.reason === 'AwaitingApproval' && !mayBeRunning(seen.builds)) return 'AwaitingApproval'
  const newest = newestSettled(seen.builds)
  if (!newest) return neverBuilt(seen, step)
  if (newest.phase !== 'Succeeded') {
    if (step.is !== 'held' || step.how === 'Stalled') return 'Failed'
    return newest.transition === 'start' ? 'Pending' : 'Stopping'
  }
  if (!mayBeRunning(seen.builds)) return step.is === 'held' ? 'Pending' : asleep(seen, newest)
  return runningNow || seen.agents.every(({ firstConnectedAt }) => firstConnectedAt !== null) ? 'Running' : 'Starting'
}

function neverBuilt({ life }: Seen, step: Step): string {
  if (life.dormantAt !== null) return 'Dormant'
  return step.is === 'settled' ? 'Stopped' : 'Pending'
}

function asleep({ life }: Seen, { transition }: Job): string {
  if (life.dormantAt === null) return 'Stopped'
  return transition === 'destroy' ? 'Expired' : 'Dormant'
}

function stateDuring(build: Job): string {
  if (build.transition === 'stop') return 'Stopping'
  if (build.transition === 'destroy') return 'Deleting'
  return build.phase === 'Queued' ? 'Queued' : 'Starting'
}

function powerOf({ builds }: Seen): Readonly<Record<string, unknown>> {
  const newest = newestSettled(builds)
  if (!newest) return { effective: 'Stopped', reason: 'NotBuilt' }
  const since: Instant | null = newest.finishedAt
  return {
    effective: mayBeRunning(builds) ? 'Running' : newest.transition === 'destroy' ? 'Destroyed' : 'Stopped',
    reason: newest.reason,
    ...(since === null ? {} : { since: toIso(since) }),
  }
}

const TRANSITIONS: Readonly<Record<Transition, string>> = { start: 'Start', stop: 'Stop', destroy: 'Destroy' }

const buildStatus = (build: Job): Readonly<Record<string, unknown>> => ({
  number: build.number ?? 0,
  transition: build.transition && TRANSITIONS[build.transition],
  reason: build.reason,
  phase: build.phase,
  version: build.digest,
  ...(build.startedAt === null ? {} : { startedAt: toIso(build.startedAt) }),
  ...(build.finishedAt === null ? {} : { finishedAt: toIso(build.finishedAt) }),
  ...(build.error === null ? {} : { message: capital(build.error.slice(0, MESSAGE_LENGTH_MAX)) }),
})

function templateStatus({ template, workspace, builds }: Seen, digest: string): Readonly<Record<string, unknown>> {
  const used = builds.find(isSucceededStart)?.digest ?? digest
  const active = workspace.template.digest ?? template?.activeDigest ?? used
  return { digest: used, short: used.replace('sha256:', '').slice(0, 12), outdated: active !== used }
}

/** Only while it waits. */
function planOf(seen: Seen, step: Step): Readonly<Record<string, unknown>> {
  const waiting = step.is === 'held' && step.reason === 'AwaitingApproval' ? waitingPlan(seen) : null
  if (!waiting) return {}
  const { digest, add, change, destroy, addresses, lost } = waiting.summary
  return { plan: { digest, add, change, destroy, addresses, ...(lost.length > 0 ? { lost } : {}) } }
}

function agentStatus(seen: Seen, { name, status, lifecycle, apps }: AgentSeen): Readonly<Record<string, unknown>> {
  const shown = apps.slice(0, APPS_MAX).map((app) => {
    const url = appUrl(seen, name, app)
    const { slug, health } = app
    return url && url.length <= URL_LENGTH_MAX ? { slug, health, url } : { slug, health }
  })
  return { name, status, lifecycle, ...(shown.length > 0 ? { apps: shown } : {}) }
}

/** A path: which host serves apps is nothing that a workspace knows. */
function appUrl({ owner, workspace, agents }: Seen, agent: string, { slug, externalUrl, command }: AppSeen): string | null {
  if (externalUrl !== null || command || !owner.identity) return externalUrl
  const space = workspace.namespace === 'default' ? '' : `${workspace.namespace}:`
  const place = agents.length > 1 ? `${workspace.name}.${agent}` : workspace.name
  return `/@${owner.identity.name}/${space}${place}/apps/${slug}/`
}

function outputsOf({ builds }: Seen): Readonly<Record<string, unknown>> {
  const outputs = Object.entries(builds.find(isSucceededStart)?.result?.outputs ?? {})
  return outputs.length > 0 ? { outputs: Object.fromEntries(outputs.slice(0, OUTPUTS_MAX)) } : {}
}
