import type { Db } from './pool.ts'
import type { AgentManifest } from './records.ts'

/** What the end of a build means for the agents of its workspace. Only inside the transaction of the outcome. */

export interface ConfirmedAgent {
  readonly id: string
  readonly name: string
  readonly manifest: AgentManifest
}

/** Those in the newest state stay, under their names, and are told what changed; the others are gone, and their connections are to be cut. */
export async function confirmAgents(tx: Db, workspaceUid: string, agents: readonly ConfirmedAgent[]): Promise<void> {
  await tx.query(
    `with confirmed as (
       update agents set confirmed = true, name = named.name, manifest = named.manifest
       from jsonb_to_recordset($2) as named (id text, name text, manifest json)
       where agents.id = named.id and agents.workspace_uid = $1 returning agents.id)
     select pg_notify('bothy_agents', id) from confirmed`,
    [workspaceUid, JSON.stringify(agents)],
  )
  await tx.query(
    `with dropped as (delete from agents where workspace_uid = $1 and not (id = any($2::text[])) returning id)
     select pg_notify('bothy_agents', id) from dropped`,
    [workspaceUid, agents.map((agent) => agent.id)],
  )
}

/**
 * A build that ended has answered every wish to shut down, and has told all it will. After a stop an agent may stay in the state without a machine:
 * it is then as if it had never connected, so that the next start waits for it anew.
 */
export async function settleAgents(tx: Db, workspaceUid: string, stopped: boolean): Promise<void> {
  await tx.query(
    `with settled as (update agents set shutdown_requested_at = null,
       manifest = case when confirmed then (manifest::jsonb - 'complete')::json else manifest end,
       first_connected_at = case when $2 then null else first_connected_at end,
       connected_at = case when $2 then null else connected_at end,
       disconnected_at = case when $2 then null else disconnected_at end,
       last_seen_at = case when $2 then null else last_seen_at end,
       ready_at = case when $2 then null else ready_at end,
       reported_at = case when $2 then null else reported_at end,
       lifecycle = case when $2 then 'Created' else lifecycle end,
       run_id = case when $2 then null else run_id end,
       app_health = case when $2 then '{}' else app_health end,
       stats = case when $2 then null else stats end,
       message = case when $2 then '' else message end
     where workspace_uid = $1 returning id)
     select pg_notify('bothy_agents', id) from settled`,
    [workspaceUid, stopped],
  )
  if (stopped)
    await tx.query('delete from agent_metadata where agent_id in (select id from agents where workspace_uid = $1)', [workspaceUid])
}
