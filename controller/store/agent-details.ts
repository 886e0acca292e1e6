import type { Instant } from '../kernel/clock.ts'
import { plain } from '../kernel/plain.ts'
import type { AppHealth } from './agent-manifests.ts'
import type { Db } from './pool.ts'
import { storable } from './text.ts'

/** What agents tell of themselves while they run: values of metadata, health of apps, how busy they are. */

export interface MetadataValue {
  readonly key: string
  readonly value: string
  readonly error: string
  readonly at: Instant
}

export interface AgentDetails {
  readonly metadata: readonly MetadataValue[]
  /** As the agent said it last; null: it has not. */
  readonly stats: unknown
}

/** Of a value, and of an error, in bytes. */
export const METADATA_BYTES_MAX = 2048

/** Of a run that is not the present one it is nothing. The newest of each key counts. */
export async function keepMetadata(db: Db, agentId: string, runId: string, values: readonly MetadataValue[]): Promise<void> {
  if (values.length === 0) return
  const rows = [...new Map(values.map((each) => [each.key, each])).values()].map(({ key, value, error, at }) => ({
    key: storable(key, 256),
    value: cut(value),
    error: cut(error),
    at,
  }))
  await db.query(
    `insert into agent_metadata (agent_id, key, value, error, at)
     select agents.id, said.key, said.value, said.error, to_timestamp(said.at / 1000)
     from agents, json_to_recordset($3) as said (key text, value text, error text, at double precision)
     where agents.id = $1 and agents.run_id = $2
     on conflict (agent_id, key) do update set value = excluded.value, error = excluded.error, at = excluded.at`,
    [agentId, runId, JSON.stringify(rows)],
  )
}

/** At most so many bytes, and whole characters. */
function cut(text: string): string {
  const bytes = Buffer.from(plain(text).replaceAll('\0', '').toWellFormed())
  return bytes.length <= METADATA_BYTES_MAX
    ? bytes.toString()
    : bytes
        .subarray(0, METADATA_BYTES_MAX)
        .toString()
        .replace(/\ufffd+$/, '')
}

/** Whoever shows the workspace is told, when it is news. */
export async function keepAppHealth(db: Db, agentId: string, runId: string, healths: Readonly<Record<string, AppHealth>>): Promise<void> {
  if (Object.keys(healths).length === 0) return
  await db.query(
    `with changed as (
       update agents set app_health = (app_health::jsonb || $3::jsonb)::json
       where id = $1 and run_id = $2 and not (app_health::jsonb @> $3::jsonb) returning workspace_key)
     select pg_notify('bothy_keys', workspace_key) from changed`,
    [agentId, runId, JSON.stringify(healths)],
  )
}

/** Nobody is woken by it. */
export async function keepStats(db: Db, agentId: string, runId: string, stats: unknown): Promise<void> {
  await db.query('update agents set stats = $3 where id = $1 and run_id = $2', [agentId, runId, JSON.stringify(stats)])
}

/** By the id of the agent. */
export async function agentDetailsOf(db: Db, agentIds: readonly string[]): Promise<ReadonlyMap<string, AgentDetails>> {
  const rows = await db.query<AgentDetails & { readonly id: string }>(
    `select id, stats, coalesce((
       select json_agg(json_build_object('key', key, 'value', value, 'error', error, 'at', floor(extract(epoch from at) * 1000)) order by key)
       from agent_metadata where agent_id = agents.id), '[]') as metadata
     from agents where id = any($1::text[])`,
    [agentIds],
  )
  return new Map(rows.map(({ id, metadata, stats }) => [id, { metadata, stats }]))
}
