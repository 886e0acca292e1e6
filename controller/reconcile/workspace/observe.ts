import type { Workspace } from '../../../crds/types.ts'
import type { Resource } from '../../cluster/port.ts'
import { fromIso, type Instant } from '../../kernel/clock.ts'
import { durationMs } from '../../kernel/durations.ts'
import { statusOf } from '../../store/agent-status.ts'
import type { AgentApp, AgentRow, Job, VersionRow } from '../../store/records.ts'
import { storedConditions } from '../../status/write.ts'
import { ownerSeen } from '../owner/seen.ts'
import type { Ports } from '../ports.ts'
import { requestsOf } from '../workspacerequest/seen.ts'
import { policyOf } from './approval.ts'
import { isSucceededStart, newestStart } from './builds.ts'
import { NO_LIFE } from './life.ts'
import { FINALIZER, type AgentSeen, type AppSeen, type Seen, type TemplateSeen, type WorkspaceSeen } from './seen.ts'
import { isTemplate, templateSeen } from './template-seen.ts'

export const isWorkspace = (object: Resource): object is Resource & Workspace => object.kind === 'Workspace'

export async function observe(ports: Ports, object: Resource, now: Instant): Promise<Seen> {
  if (!isWorkspace(object)) throw new Error(`${object.kind} ${object.metadata.name} is no workspace`)
  const { store, objects } = ports
  const { uid } = object.metadata
  const workspace = workspaceSeen(object)
  const found = objects.get('Template', workspace.template.namespace, workspace.template.name)
  const template = found && isTemplate(found) ? templateSeen(found, await ports.variables.of(found)) : null
  const agreed = policyOf(workspace.approval, template?.approval ?? 'Auto') !== 'Auto'
  const { builds, look, plan, agents, provisioners, broughtDown, activity, life } = await store.facts(uid)
  return {
    workspace,
    owner: ownerSeen(objects, object.spec.owner, ports.localUser),
    broughtDown,
    template,
    versions: await versionsNeeded(ports, workspace, template, builds),
    requests: requestsOf(objects, workspace.namespace, workspace.name),
    builds,
    look,
    plan: agreed ? plan : null,
    agents: agents.filter(({ confirmed }) => confirmed).map((agent) => agentSeen(agent, now)),
    provisioners,
    activity: activity ?? { lastUsedAt: null, sources: [] },
    life: life ?? NO_LIFE,
    controllerStartedAt: ports.startedAt,
    clockJumpedAt: ports.clockJumpedAt,
  }
}

function workspaceSeen({ metadata, spec, status }: Resource & Workspace): WorkspaceSeen {
  const namespace = metadata.namespace ?? ''
  const annotations = metadata.annotations ?? {}
  return {
    namespace,
    name: metadata.name,
    uid: metadata.uid,
    createdAt: fromIso(metadata.creationTimestamp) ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    hasFinalizer: metadata.finalizers?.includes(FINALIZER) ?? false,
    paused: annotations['bothy.dev/paused'] === 'true',
    abandoned: annotations['bothy.dev/abandon'] === 'true',
    sourceError: annotations['bothy.dev/source-error'] ?? null,
    template: { name: spec.template.name, namespace: spec.template.namespace ?? namespace, digest: spec.template.digest ?? null },
    preset: spec.preset ?? null,
    parameters: spec.parameters,
    power: spec.power,
    schedule: {
      autostart: spec.schedule.autostart ?? null,
      ttlMs: givenMs(spec.schedule.ttl),
      idleAfterMs: givenMs(spec.schedule.idleAfter),
      timezone: spec.schedule.timezone ?? null,
    },
    updates: spec.updates,
    approval: spec.approval,
    deletionPolicy: spec.deletionPolicy,
    before: {
      conditions: storedConditions(status),
      build: status?.build ? { number: status.build.number, phase: status.build.phase } : null,
      activity: status?.activity ? activityBefore(status.activity) : null,
    },
  }
}

const activityBefore = ({ lastUsedAt, sources = [] }: NonNullable<NonNullable<Workspace['status']>['activity']>): Seen['activity'] => ({
  lastUsedAt: fromIso(lastUsedAt),
  sources: sources.map(({ kind, at, by = '' }) => ({ kind, at: fromIso(at) ?? 0, by })),
})

const givenMs = (text: string | undefined): number | null => (text === undefined ? null : durationMs(text))

/** The version to start with, the active one and the one it runs: few, and mostly one. */
async function versionsNeeded(
  { store }: Ports,
  workspace: WorkspaceSeen,
  template: TemplateSeen | null,
  builds: readonly Job[],
): Promise<VersionRow[]> {
  if (!template) return []
  const digests = new Set([
    workspace.template.digest,
    template.activeDigest,
    newestStart(builds)?.digest ?? null,
    builds.find(isSucceededStart)?.digest ?? null,
  ])
  const rows = await Promise.all([...digests].map((digest) => (digest === null ? null : store.version(template.uid, digest))))
  return rows.filter((row) => row !== null)
}

const agentSeen = (agent: AgentRow, now: Instant): AgentSeen => ({
  id: agent.id,
  name: agent.name,
  createdAt: agent.createdAt,
  firstConnectedAt: agent.firstConnectedAt,
  connectedAt: agent.connectedAt,
  disconnectedAt: agent.disconnectedAt,
  lastSeenAt: agent.lastSeenAt,
  lifecycle: agent.lifecycle,
  message: agent.message,
  shutdownRequestedAt: agent.shutdownRequestedAt,
  readyAt: agent.readyAt,
  reportedAt: agent.reportedAt,
  status: statusOf(agent, now),
  connectionTimeoutMs: agent.manifest.connectionTimeoutSeconds * 1000,
  apps: agent.manifest.apps.flatMap((app) => (app.hidden ? [] : [appSeen(agent, app)])),
})

const appSeen = ({ appHealth }: AgentRow, { slug, url, external, command, healthcheck }: AgentApp): AppSeen => ({
  slug,
  health: healthcheck ? (appHealth[slug] ?? 'Initializing') : 'Disabled',
  externalUrl: external ? url : null,
  command: command !== '',
})
