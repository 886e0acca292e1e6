-- Agents as the newest state of their workspace, or its running build, has them.
create table agents (
  id text primary key,
  workspace_uid text not null,
  workspace_key text not null,
  job_id bigint not null,
  name text not null default '',
  -- sha256 of the token; the token itself is nowhere.
  token_hash text not null,
  confirmed boolean not null default false,
  manifest json not null,
  created_at timestamptz not null default clock_timestamp(),
  first_connected_at timestamptz,
  connected_at timestamptz,
  disconnected_at timestamptz,
  last_seen_at timestamptz,
  lifecycle text not null default 'Created',
  run_id text,
  message text not null default '',
  version text not null default '',
  -- The replica of the control plane that holds its connection.
  replica text,
  shutdown_requested_at timestamptz
);
create index agents_of_workspace on agents (workspace_uid);
