-- What provisioners do, who they are, and what template versions and states there are.

create table provisioners (
  id text primary key,
  name text not null,
  labels jsonb not null,
  version text not null,
  capacity integer not null,
  isolation text not null,
  registered_at timestamptz not null default clock_timestamp(),
  last_seen_at timestamptz not null
);

-- A template's normalised files, by their digest.
create table template_files (
  digest text primary key,
  files json not null,
  kept_at timestamptz not null default clock_timestamp()
);

create table versions (
  template_uid text not null,
  digest text not null,
  source text not null default '',
  known_at timestamptz not null default clock_timestamp(),
  imported_at timestamptz,
  failed_at timestamptz,
  error text,
  parameters json not null default '[]',
  presets json not null default '[]',
  primary key (template_uid, digest)
);
create index versions_digest on versions (digest);

--   queued ──claim──► claimed ──start──► started ──finish──► finished, with an outcome
--      │                 └────────────────┴─ cancel_requested ──┘
--      └──cancel──► finished (Canceled)
-- The phase is derived from the instants in one place, here.
create table jobs (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('build', 'import', 'look')),
  subject_uid text not null,
  subject_namespace text not null,
  subject_name text not null,
  subject_key text not null generated always as (
    case kind when 'import' then 'Template' else 'Workspace' end || '/' || subject_namespace || '/' || subject_name
  ) stored,
  number integer check ((number is not null) = (kind = 'build')),
  transition text check (transition in ('start', 'stop', 'destroy')),
  digest text not null,
  reason text not null,
  initiator text not null,
  request_uid text,
  class text not null,
  class_order smallint not null generated always as (
    case class when 'person' then 0 when 'chat' then 1 when 'clock' then 2 else 3 end
  ) stored,
  labels jsonb not null,
  inputs text not null default '',
  input json,

  queued_at timestamptz not null default clock_timestamp(),
  claimed_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  cancel_requested_at timestamptz,
  cancel_by text,
  outcome text check (outcome in ('Succeeded', 'Failed', 'Canceled')),
  phase text not null generated always as (
    case
      when finished_at is not null then outcome
      when claimed_at is null then 'Queued'
      when cancel_requested_at is not null then 'Canceling'
      else 'Running'
    end
  ) stored,
  error_reason text,
  error text,
  result json,

  -- The claim: who holds it, until when on this database's clock, and the number that fences every former holder.
  provisioner_id text,
  epoch integer not null default 0,
  lease_until timestamptz,
  progressed_at timestamptz,
  intent json,
  log_bytes integer not null default 0,

  unique (subject_uid, number),
  check ((finished_at is null) = (outcome is null)),
  check (claimed_at is null or (provisioner_id is not null and lease_until is not null and progressed_at is not null))
);
create unique index jobs_one_build_at_a_time on jobs (subject_uid) where kind = 'build' and finished_at is null;
create unique index jobs_one_look_at_a_time on jobs (subject_uid) where kind = 'look' and finished_at is null;
create unique index jobs_one_import_at_a_time on jobs (subject_uid, digest) where kind = 'import' and finished_at is null;
create index jobs_waiting on jobs (class_order, queued_at, id) where claimed_at is null and finished_at is null;
create index jobs_claimed on jobs (lease_until) where claimed_at is not null and finished_at is null;
create index jobs_of_subject on jobs (subject_uid, kind, id);
create index jobs_finished on jobs (finished_at) where finished_at is not null;
create index jobs_digest on jobs (digest);

-- Sealed Terraform states. The newest of a workspace counts.
create table states (
  id bigint generated always as identity primary key,
  workspace_uid text not null,
  job_id bigint not null,
  sealed bytea not null,
  kept_at timestamptz not null default clock_timestamp()
);
create index states_of_workspace on states (workspace_uid, id);

create table job_logs (
  id bigint generated always as identity primary key,
  job_id bigint not null references jobs (id) on delete cascade,
  at timestamptz not null,
  stage text not null,
  level text not null,
  text text not null
);
create index job_logs_of_job on job_logs (job_id, id);
