import { plain } from '../kernel/plain.ts'
import { wholeManifest, type StoredManifest } from './agent-manifests.ts'
import type { Db } from './pool.ts'
import type { Question } from './questions.ts'
import type { AgentLifecycle, AgentManifest, AgentRow } from './records.ts'
import { storable } from './text.ts'

/** Agents: made by builds, confirmed by their outcomes, and told of by whoever holds their connections. */

export interface AgentMade {
  readonly id: string
  readonly workspaceUid: string
  readonly workspaceKey: string
  readonly jobId: string
  /** sha256 of its token, in hex. */
  readonly tokenHash: string
  readonly manifest: AgentManifest
}

const COLUMNS = `
  id, workspace_uid as "workspaceUid", job_id as "jobId", name, confirmed, manifest, created_at as "createdAt",
  first_connected_at as "firstConnectedAt", connected_at as "connectedAt", disconnected_at as "disconnectedAt",
  last_seen_at as "lastSeenAt", lifecycle, run_id as "runId", message, version, shutdown_requested_at as "shutdownRequestedAt",
  reported_at as "reportedAt", ready_at as "readyAt", app_health as "appHealth"`

/** In the newest state, or of a build that still runs: nobody else is let in. */
const ALLOWED = `(confirmed or exists (select from jobs where jobs.id = agents.job_id and jobs.finished_at is null))`

const SHA256_HEX = /^[0-9a-f]{64}$/

/**
 * When the provider makes it, and at each later read of it, so that it may dial in before its build ends. One that never
 * connected begins to be waited for with the build that starts it. One that was there before keeps what it was told until
 * the outcome tells it more.
 */
export async function agentMade(db: Db, agent: AgentMade): Promise<void> {
  if (!SHA256_HEX.test(agent.tokenHash)) throw new Error('an agent is kept with the sha256 of its token in hex, nothing else')
  const rows = await db.query(
    `with made as (
       insert into agents as a (id, workspace_uid, workspace_key, job_id, token_hash, manifest) values ($1, $2, $3, $4, $5, $6)
       on conflict (id) do update set
         job_id = excluded.job_id, token_hash = excluded.token_hash, workspace_key = excluded.workspace_key,
         manifest = case when a.confirmed then (a.manifest::jsonb || '{"complete": false}')::json else excluded.manifest end,
         created_at = case when a.first_connected_at is null and a.job_id <> excluded.job_id then clock_timestamp() else a.created_at end
         where a.workspace_uid = excluded.workspace_uid
       returning workspace_key)
     select pg_notify('bothy_keys', workspace_key) from made`,
    [agent.id, agent.workspaceUid, agent.workspaceKey, agent.jobId, agent.tokenHash, JSON.stringify(agent.manifest)],
  )
  if (rows.length === 0) throw new Error(`the agent ${agent.id} belongs to another workspace`)
}

type StoredRow = Omit<AgentRow, 'manifest'> & { readonly manifest: StoredManifest }

const allowedWhere = (where: string): string => `select ${COLUMNS} from agents where ${where} and ${ALLOWED} order by name, id`
const agentOf = ({ manifest, ...row }: StoredRow): AgentRow => Object.assign(row, { manifest: wholeManifest(manifest) })

async function rowsWhere(db: Db, where: string, values: readonly unknown[]): Promise<AgentRow[]> {
  return (await db.query<StoredRow>(allowedWhere(where), values)).map(agentOf)
}

/** null: unknown, a wrong token, or neither in the newest state nor of a running build. */
export async function agentByToken(db: Db, id: string, tokenHash: string): Promise<AgentRow | null> {
  const [row] = await rowsWhere(db, 'id = $1 and token_hash = $2', [id, tokenHash])
  return row ?? null
}

/** Many at once, by id and hash of the token with a space between. */
export async function agentsByTokens(
  db: Db,
  wanted: readonly { readonly id: string; readonly tokenHash: string }[],
): Promise<ReadonlyMap<string, AgentRow>> {
  const hashes = new Set(wanted.map(({ tokenHash }) => tokenHash))
  const rows = await db.query<StoredRow & { readonly tokenHash: string }>(
    `select ${COLUMNS}, token_hash as "tokenHash" from agents where id = any($1::text[]) and ${ALLOWED}`,
    [wanted.map(({ id }) => id)],
  )
  return new Map(
    rows
      .filter(({ tokenHash }) => hashes.has(tokenHash))
      .map(({ tokenHash, ...row }) => [`${row.id} ${tokenHash}`, { ...row, manifest: wholeManifest(row.manifest) }]),
  )
}

/** The beginnings of the digests of the programs that agents told of, as in `0.1.0+2aed10aff82e`. */
export async function programsInUse(db: Db): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ program: string }>(
    `select distinct split_part(version, '+', 2) as program from agents where version like '%+_%'`,
  )
  return new Set(rows.map(({ program }) => program))
}

export const agentsOf = (db: Db, workspaceUid: string): Promise<AgentRow[]> => rowsWhere(db, 'workspace_uid = $1', [workspaceUid])

/** The agents of many workspaces at once, by the uid of their workspace. */
export const agentsOfAll: Question<StoredRow, ReadonlyMap<string, readonly AgentRow[]>> = {
  text: allowedWhere('workspace_uid = any($1::text[])'),
  instants: [
    'createdAt',
    'firstConnectedAt',
    'connectedAt',
    'disconnectedAt',
    'lastSeenAt',
    'shutdownRequestedAt',
    'reportedAt',
    'readyAt',
  ],
  int8s: ['jobId'],
  answer: (rows) => Map.groupBy(rows.map(agentOf), (row) => row.workspaceUid),
}

export interface AgentConnection {
  /** The run of the agent's program: another one begins its lifecycle anew. */
  readonly runId: string
  readonly replica: string
  readonly version: string
}

/** false: it is not known any more. */
export function agentConnected(db: Db, id: string, { runId, replica, version }: AgentConnection): Promise<boolean> {
  return changed(
    db,
    `update agents set first_connected_at = coalesce(first_connected_at, clock_timestamp()), connected_at = clock_timestamp(),
       last_seen_at = clock_timestamp(), disconnected_at = null, replica = $3, version = $4, run_id = $2,
       lifecycle = case when run_id is distinct from $2 then 'Created' else lifecycle end,
       ready_at = case when run_id is distinct from $2 then null else ready_at end,
       app_health = case when run_id is distinct from $2 then '{}' else app_health end,
       stats = case when run_id is distinct from $2 then null else stats end,
       message = case when run_id is distinct from $2 then '' else message end
     where id = $1`,
    [id, runId, replica, version],
  )
}

/** Said of a run that is not the present one it means nothing, and is false. */
export function agentDisconnected(db: Db, id: string, runId: string): Promise<boolean> {
  return changed(db, 'update agents set disconnected_at = clock_timestamp() where id = $1 and run_id = $2', [id, runId])
}

/**
 * One statement for all whose connections answer. Nobody is woken, except by those that had been taken for gone.
 */
export async function agentSeen(db: Db, ids: readonly string[]): Promise<void> {
  await db.query(
    `with before as (
       select id from agents where id = any($1::text[]) and (disconnected_at >= last_seen_at or last_seen_at < clock_timestamp() - interval '30 s')
     ), seen as (
       update agents set last_seen_at = clock_timestamp() where id = any($1::text[]) returning id, workspace_key
     )
     select pg_notify('bothy_keys', workspace_key) from seen where id in (select id from before)`,
    [ids],
  )
}

/** Forward only within a run. */
const RANK: Readonly<Record<AgentLifecycle, number>> = {
  Created: 0,
  Starting: 1,
  Ready: 2,
  StartError: 2,
  StartTimeout: 2,
  ShuttingDown: 3,
  Off: 4,
  ShutdownError: 4,
  ShutdownTimeout: 4,
}
const MESSAGE_LENGTH_MAX = 2_000

/** false: of another run, or no step forward. */
export function agentReported(db: Db, id: string, runId: string, lifecycle: AgentLifecycle, message: string): Promise<boolean> {
  const before = Object.entries(RANK).flatMap(([name, rank]) => (rank < RANK[lifecycle] ? [name] : []))
  return changed(
    db,
    `update agents set lifecycle = $3, message = $4, last_seen_at = clock_timestamp(),
       ready_at = case when $3 in ('Ready', 'StartError', 'StartTimeout') then clock_timestamp() else ready_at end
     where id = $1 and run_id = $2 and lifecycle = any($5::text[])`,
    [id, runId, lifecycle, storable(plain(message), MESSAGE_LENGTH_MAX), before],
  )
}

/** Whoever holds the connection of one of them tells it to run its stop scripts. */
export async function wishShutdown(db: Db, workspaceUid: string): Promise<void> {
  await db.query(
    `with wished as (
       update agents set shutdown_requested_at = clock_timestamp() where workspace_uid = $1 and shutdown_requested_at is null returning id)
     select pg_notify('bothy_agents', id) from wished`,
    [workspaceUid],
  )
}

async function changed(db: Db, update: string, values: readonly unknown[]): Promise<boolean> {
  const rows = await db.query(
    `with changed as (${update} returning workspace_key) select pg_notify('bothy_keys', workspace_key) from changed`,
    values,
  )
  return rows.length > 0
}
