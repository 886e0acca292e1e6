import { declaredCondition, type GivenCondition } from '../../status/conditions.ts'
import { capital, failureOf, isSucceededStart, mayBeRunning, newestSettled } from './builds.ts'
import { driftOf, driftSays } from './drift.ts'
import { declaredSchedule } from './schedule/autostart.ts'
import type { AgentSeen, Seen } from './seen.ts'
import type { Step } from './step.ts'
import type { Want } from './wants.ts'

type Given = Omit<GivenCondition, 'type'>

const condition = (type: string, { status, reason, message }: Given): GivenCondition => ({ type, status, reason, message })

/** What a person reads, from what is wanted and the next step to it. */
export function conditionsOf(seen: Seen, want: Want, step: Step): GivenCondition[] {
  const ready = readyOf(seen, want, step)
  const under = underWay(step, ready)
  const declared = declaredCondition(seen.workspace.sourceError)
  const orphans = orphansOf(seen)
  const schedule = declaredSchedule(seen)
  const drift = driftOf(seen)
  return [
    condition('Ready', ready),
    ...(under ? [condition(under.how, { status: 'True', reason: under.reason, message: under.message })] : []),
    condition('Running', runningOf(seen)),
    ...(orphans ? [condition('OrphansPossible', orphans)] : []),
    ...(drift.length > 0 ? [condition('Drifted', { status: 'True', reason: 'Drifted', message: driftSays(drift) })] : []),
    ...(step.is === 'held' && step.reason === 'AwaitingApproval'
      ? [condition('AwaitingApproval', { status: 'True', reason: 'AwaitingApproval', message: step.message })]
      : []),
    ...(declared ? [declared] : []),
    ...(schedule && !schedule.ok
      ? [condition('Scheduled', { status: 'False', reason: 'ScheduleInvalid', message: schedule.message })]
      : []),
  ]
}

/** True means as wanted, be that running or stopped. */
function readyOf(seen: Seen, want: Want, step: Step): Given {
  const no = (reason: Given['reason'], message: string): Given => ({ status: 'False', reason, message })
  if (want.reason === 'Paused') return { status: 'Unknown', reason: 'Paused', message: want.message }
  switch (step.is) {
    case 'settled':
    case 'look':
      return settledReady(seen)
    case 'held':
      return no(step.reason, step.message)
    case 'building':
      return no(...buildingSays(step))
    case 'cancel':
      return no('CancelRequested', `Start build ${step.build.number ?? 0} is cancelled: ${want.message}`)
    case 'queue':
      return no('Queued', `${capital(step.build.transition)} build ${step.build.number} is queued: ${want.message}`)
    case 'plan':
    case 'planning':
      return no('Planning', 'What the change would do is being worked out, since somebody may have to agree to it.')
    case 'shutdown':
      return no('Stopping', `Stop scripts run first: ${want.message}`)
    case 'release':
      return no('Deleting', 'Nothing of it is kept any longer.')
  }
}

function buildingSays({ build }: Extract<Step, { is: 'building' }>): [Given['reason'], string] {
  const what = `${capital(build.transition ?? 'build')} build ${build.number ?? 0}`
  if (build.phase === 'Queued') return ['Queued', `${what} waits for a provisioner to take it.`]
  if (build.phase === 'Canceling') return ['CancelRequested', `${what} is being canceled.`]
  if (build.transition === 'start') return ['Starting', `${what} is running.`]
  return [build.transition === 'stop' ? 'Stopping' : 'Deleting', `${what} is running.`]
}

function settledReady(seen: Seen): Given {
  if (!mayBeRunning(seen.builds)) return { status: 'True', reason: 'Stopped', message: stoppedSays(seen) }
  const running = runningOf(seen)
  if (running.status !== 'True') return running
  return { ...running, reason: 'Running' }
}

function stoppedSays({ builds }: Seen): string {
  const newest = newestSettled(builds)
  switch (newest?.reason) {
    case 'Requested':
      return 'It is stopped because somebody asked for it.'
    case 'Policy':
      return 'It is stopped, as declared.'
    case 'Suspended':
      return 'It is stopped because its owner is suspended.'
    case 'BroughtDown':
      return 'It was stopped when Bothy was brought down.'
    case 'Deadline':
      return 'It is stopped because its time was over.'
    case 'Idle':
      return 'It is stopped because nobody used it.'
    case 'FailedCleanup':
      return 'It is stopped: its start failed, and what it left was cleaned up.'
    case 'Dormant':
      return 'It is stopped because nobody used it for long (dormant).'
    case 'Expired':
      return 'What was built is destroyed, since nobody used it for long; a request to start builds it anew.'
    default:
      return 'It is stopped.'
  }
}

/** True means usable now: built, and every agent connected and done with its start scripts. */
function runningOf(seen: Seen): Given {
  const no = (reason: Given['reason'], message: string): Given => ({ status: 'False', reason, message })
  const newest = newestSettled(seen.builds)
  if (!newest) return no('NotBuilt', 'It was never built.')
  if (!mayBeRunning(seen.builds)) return no('Stopped', stoppedSays(seen))
  const end = seen.builds[0]
  if (end && end.finishedAt === null && end.transition !== 'start')
    return no('Stopping', `${capital(end.transition ?? '')} build ${end.number ?? 0} is under way.`)
  if (!isSucceededStart(newest)) return no('BuildFailed', failureOf(newest))
  const worst = seen.agents.map(agentTrouble).find((trouble) => trouble !== null)
  if (worst) return no(...worst)
  const limping = seen.agents.find(({ lifecycle }) => lifecycle === 'StartError' || lifecycle === 'StartTimeout')
  if (!limping) return { status: 'True', reason: 'Running', message: 'It is running.' }
  const how = limping.lifecycle === 'StartError' ? 'failed' : 'took too long'
  const message = `It is running, but the start script of agent ${limping.name} ${how}${limping.message ? `: ${limping.message}` : '.'}`
  return { status: 'True', reason: 'StartScriptFailed', message }
}

function agentTrouble(agent: AgentSeen): [Given['reason'], string] | null {
  const name = `Agent ${agent.name}`
  switch (agent.status) {
    case 'Connecting':
      return ['AgentConnecting', `${name} has not connected yet.`]
    case 'Timeout':
      return ['AgentTimeout', `${name} did not connect in time.`]
    case 'Disconnected':
      return ['AgentDisconnected', `${name} is not connected.`]
    case 'Connected':
      return lifecycleTrouble(agent)
  }
}

function lifecycleTrouble({ name, lifecycle }: AgentSeen): [Given['reason'], string] | null {
  switch (lifecycle) {
    case 'Created':
    case 'Starting':
      return ['AgentNotReady', `Agent ${name} runs its start scripts.`]
    case 'ShuttingDown':
    case 'Off':
    case 'ShutdownError':
    case 'ShutdownTimeout':
      return ['AgentNotReady', `Agent ${name} has shut down.`]
    case 'Ready':
    case 'StartError':
    case 'StartTimeout':
      return null
  }
}

/** Reconciling or Stalled, or neither. What waits for an agent is on its way, unless that agent missed its time. */
function underWay(step: Step, ready: Given): { how: 'Reconciling' | 'Stalled'; reason: Given['reason']; message: string } | null {
  switch (step.is) {
    case 'held':
      return step
    case 'settled':
    case 'look':
      return ready.status === 'False' && ready.reason !== 'AgentTimeout' ? { how: 'Reconciling', ...ready } : null
    case 'building':
    case 'cancel':
    case 'queue':
    case 'plan':
    case 'planning':
    case 'shutdown':
    case 'release':
      return ready.status === 'Unknown' ? null : { how: 'Reconciling', ...ready }
  }
}

/** Some build may have left something behind that no state knows of. Only people can tell. */
function orphansOf({ builds }: Seen): Given | null {
  const orphans = [...new Set(builds.flatMap(({ result }) => result?.orphans ?? []))].toSorted()
  if (orphans.length === 0) return null
  const shown = orphans.slice(0, 10).join(', ')
  const message = `These may exist without being known to any state, look for them and remove them by hand: ${shown}${orphans.length > 10 ? ' …' : ''}`
  return { status: 'True', reason: 'OrphansPossible', message }
}
