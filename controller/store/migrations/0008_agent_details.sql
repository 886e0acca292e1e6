-- What agents tell of themselves besides how far their scripts are. All of it belongs to one run of the agent's program.
alter table agents add column app_health json not null default '{}', add column stats json;

create table agent_metadata (
  agent_id text not null references agents (id) on delete cascade,
  key text not null,
  value text not null,
  error text not null,
  at timestamptz not null,
  primary key (agent_id, key)
);

-- Whose line of a log it is; null: of the build itself.
alter table job_logs add column agent text, add column source text;

-- How much of what an agent's script, or its supervisor, said is kept with a build.
create table agent_log_sources (
  job_id bigint not null references jobs (id) on delete cascade,
  agent_id text not null,
  source text not null,
  bytes integer not null,
  primary key (job_id, agent_id, source)
);
