import type { Instant } from '../../controller/kernel/clock.ts'
import type { AgentSeen, RequestSeen, Seen, TemplateSeen, WorkspaceSeen } from '../../controller/reconcile/workspace/seen.ts'
import { startInputs } from '../../controller/reconcile/workspace/inputs.ts'
import { WEEKDAYS } from '../../controller/kernel/zones.ts'
import { NO_LIFE, remembering } from '../../controller/reconcile/workspace/life.ts'
import type { Job, LifeRow, PolicyRow, TemplateParameter, VersionRow } from '../../controller/store/records.ts'

/** Worlds to decide on: a workspace that has everything it needs, and what a sentence changes about it. */

export const NOW: Instant = Date.parse('2026-11-21T08:00:00Z')
export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export const V1 = `sha256:${'1'.repeat(64)}`
export const V2 = `sha256:${'2'.repeat(64)}`
export const UID = '11111111-2222-3333-4444-555555555555'

export const parameter = (over: Partial<TemplateParameter> = {}): TemplateParameter => ({
  name: 'cpu',
  type: 'number',
  displayName: '',
  description: '',
  formType: 'input',
  mutable: true,
  ephemeral: false,
  required: false,
  default: '2',
  options: [],
  validation: null,
  order: 0,
  ...over,
})

export const version = (over: Partial<VersionRow> = {}): VersionRow => ({
  digest: V1,
  templateUid: 'template-uid',
  importedAt: NOW - HOUR,
  failedAt: null,
  error: null,
  source: 'inline',
  parameters: [parameter()],
  facts: null,
  presets: [{ name: 'large', default: false, description: '', parameters: { cpu: '8' } }],
  ...over,
})

/** Nothing happens by the clock, but that use would move a deadline. */
export const policy = (over: Partial<PolicyRow> = {}): PolicyRow => ({
  ttlMs: 0,
  ownTtl: true,
  activityBumpMs: HOUR,
  idleAfter: { defaultMs: 0, minMs: 15 * MINUTE, maxMs: 0 },
  maxHoldMs: 24 * HOUR,
  autostart: { allowed: true, days: WEEKDAYS },
  requirement: { days: [], weeks: 1 },
  failureTtlMs: 0,
  dormantAfterMs: 0,
  deleteDormantAfterMs: 0,
  ...over,
})

export const template = (over: Partial<TemplateSeen> = {}): TemplateSeen => ({
  uid: 'template-uid',
  namespace: 'default',
  name: 'node',
  deleting: false,
  activeDigest: V1,
  problem: null,
  requireActiveVersion: false,
  approval: 'Auto',
  drift: { intervalMs: 0, corrects: false },
  labels: {},
  allowedNamespaces: [],
  deprecated: '',
  policy: policy(),
  variables: {},
  variablesProblem: null,
  ...over,
})

export const workspace = (over: Partial<WorkspaceSeen> = {}): WorkspaceSeen => ({
  namespace: 'default',
  name: 'dev',
  uid: UID,
  createdAt: NOW - DAY,
  deleting: false,
  hasFinalizer: true,
  paused: false,
  abandoned: false,
  sourceError: null,
  template: { name: 'node', namespace: 'default', digest: null },
  preset: null,
  parameters: {},
  power: 'Auto',
  schedule: { autostart: null, ttlMs: null, idleAfterMs: null, timezone: null },
  updates: 'Manual',
  approval: 'Auto',
  deletionPolicy: 'Destroy',
  before: { conditions: [], build: null, activity: null },
  ...over,
})

/** What a sentence does not say is as it has long been: its owner is active, and what is remembered is up to date. */
export const ADA = {
  identity: { name: 'ada', id: 'ada-id', fullName: 'Ada', email: 'ada@localhost' },
  suspended: false,
  timezone: 'UTC',
  quietHours: '00:00',
}

export interface Told extends Omit<Partial<Seen>, 'workspace' | 'owner' | 'life'> {
  readonly workspace?: Partial<Omit<WorkspaceSeen, 'schedule' | 'before'>> & {
    readonly schedule?: Partial<WorkspaceSeen['schedule']>
    readonly before?: Partial<WorkspaceSeen['before']>
  }
  readonly owner?: Partial<Seen['owner']>
  readonly life?: Partial<LifeRow>
}

export function world(over: Told = {}): Seen {
  const seen: Seen = {
    broughtDown: false,
    template: template(),
    versions: [version()],
    requests: [],
    builds: [],
    look: null,
    plan: null,
    agents: [],
    provisioners: [provisioner()],
    activity: { lastUsedAt: null, sources: [] },
    controllerStartedAt: NOW - HOUR,
    clockJumpedAt: null,
    ...over,
    owner: { ...ADA, ...over.owner },
    life: NO_LIFE,
    workspace: knowing(
      workspace({
        ...over.workspace,
        schedule: { ...workspace().schedule, ...over.workspace?.schedule },
        before: { ...workspace().before, ...over.workspace?.before },
      }),
      over.builds ?? [],
    ),
  }
  return { ...seen, life: { ...longRemembered(seen), ...over.life } }
}

/** As if it had been looked at a week ago, and again just now. */
function longRemembered(seen: Seen): LifeRow {
  const quiet = { ...seen, builds: [], requests: [], activity: { lastUsedAt: null, sources: [] } }
  const long = { ...remembering(quiet, NOW - 7 * DAY).life, revision: 1, autoAt: null, restoredAt: null }
  return remembering({ ...seen, requests: [], life: long }, NOW).life
}

/** Its status tells the newest build already, unless a sentence is about just that. */
const knowing = (seen: WorkspaceSeen, [newest]: readonly Job[]): WorkspaceSeen =>
  seen.before.build || !newest ? seen : { ...seen, before: { ...seen.before, build: { number: newest.number ?? 0, phase: newest.phase } } }

export const provisioner = (over: Partial<Seen['provisioners'][number]> = {}): Seen['provisioners'][number] => ({
  id: 'p1',
  name: 'p1',
  labels: {},
  version: '1',
  capacity: 2,
  isolation: 'none',
  lastSeenAt: NOW - SECOND,
  ...over,
})

/** What a start of this world would be made of today. */
export function todaysInputs(seen: Seen): Pick<Job, 'digest' | 'inputs' | 'input'> {
  const inputs = startInputs(seen)
  if (!inputs.ready) throw new Error(`not ready: ${inputs.reason}`)
  return { digest: inputs.digest, inputs: inputs.inputs, input: inputs.input }
}

const ORDINARY = todaysInputs(world())

export const build = (over: Partial<Job> = {}): Job => {
  const number = over.number ?? 1
  return {
    id: `${number}`,
    kind: 'build',
    subject: { uid: UID, namespace: 'default', name: 'dev' },
    number,
    transition: 'start',
    reason: 'Created',
    initiator: 'bothy',
    requestUid: null,
    class: 'person',
    labels: {},
    phase: 'Succeeded',
    queuedAt: NOW - 10 * MINUTE,
    claimedAt: NOW - 10 * MINUTE,
    startedAt: NOW - 10 * MINUTE,
    finishedAt: NOW - 9 * MINUTE,
    cancelRequestedAt: null,
    cancelBy: null,
    errorReason: null,
    error: null,
    provisionerId: 'p1',
    result: {},
    ...ORDINARY,
    ...over,
  }
}

export const queued = (over: Partial<Job> = {}): Job =>
  build({ phase: 'Queued', claimedAt: null, startedAt: null, finishedAt: null, provisionerId: null, result: null, ...over })

export const running = (over: Partial<Job> = {}): Job => build({ phase: 'Running', finishedAt: null, result: null, ...over })

export const failed = (over: Partial<Job> = {}): Job =>
  build({ phase: 'Failed', errorReason: 'BuildFailed', error: 'main.tf:3: no such thing', ...over })

export const canceled = (by: string | null, over: Partial<Job> = {}): Job =>
  build({ phase: 'Canceled', errorReason: 'BuildCanceled', cancelBy: by, cancelRequestedAt: NOW - 9 * MINUTE, ...over })

export const stop = (over: Partial<Job> = {}): Job => build({ transition: 'stop', reason: 'Requested', number: 2, ...over })

export const look = (over: Partial<Job> = {}): Job =>
  build({
    id: 'look',
    kind: 'look',
    number: null,
    transition: null,
    reason: 'AgentDisconnected',
    input: null,
    queuedAt: NOW - 2 * SECOND,
    finishedAt: NOW - SECOND,
    ...over,
  })

export const PLAN = `sha256:${'a'.repeat(64)}`

/** A plan that was worked out after every build, of today's inputs. */
export const plan = (over: Partial<Job> = {}): Job =>
  build({
    id: '100',
    kind: 'plan',
    number: null,
    reason: 'Updated',
    queuedAt: NOW - 2 * SECOND,
    finishedAt: NOW - SECOND,
    result: { plan: { digest: PLAN, add: 1, change: 0, destroy: 1, addresses: ['bothy_process.main[0]'], lost: [] } },
    ...over,
  })

export const agent = (over: Partial<AgentSeen> = {}): AgentSeen => ({
  apps: [],
  id: 'agent-1',
  name: 'main',
  createdAt: NOW - 10 * MINUTE,
  firstConnectedAt: NOW - 9 * MINUTE,
  connectedAt: NOW - 9 * MINUTE,
  disconnectedAt: null,
  lastSeenAt: NOW - SECOND,
  lifecycle: 'Ready',
  message: '',
  shutdownRequestedAt: null,
  readyAt: NOW - 9 * MINUTE,
  reportedAt: NOW - SECOND,
  status: 'Connected',
  connectionTimeoutMs: 2 * MINUTE,
  ...over,
})

export const silentAgent = (ms: number, over: Partial<AgentSeen> = {}): AgentSeen =>
  agent({ status: 'Disconnected', disconnectedAt: NOW - ms, lastSeenAt: NOW - ms, ...over })

export const request = (action: RequestSeen['action'], over: Partial<RequestSeen> = {}): RequestSeen => ({
  name: `${action.toLowerCase()}-1`,
  uid: `${action}-uid`,
  createdAt: NOW - SECOND,
  action,
  boundUid: UID,
  until: null,
  forMs: null,
  planDigest: null,
  why: null,
  declared: false,
  answer: null,
  ...over,
})

/** A look that did not find the machine. */
export const lookLost = (over: Partial<Job> = {}): Job =>
  look({ result: { machines: [{ type: 'bothy_process', name: 'main', present: false }] }, ...over })
