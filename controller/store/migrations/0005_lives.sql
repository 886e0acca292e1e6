-- What happened to a workspace that its rules must remember: one row each, written whole by whoever read its revision.
create table lives (
  workspace_uid text primary key,
  revision integer not null,
  -- The template's policy as it was seen last: it goes on to count when the template is gone.
  policy json,
  -- A deadline belongs to a build, by its number.
  deadline_build integer,
  deadline_at timestamptz,
  max_deadline_at timestamptz,
  -- What the required stop was computed from.
  requirement text,
  -- The stop that people were warned of.
  warned_at timestamptz,
  hold_until timestamptz,
  hold_reason text,
  hold_by text,
  dormant_at timestamptz,
  deleting_at timestamptz,
  delete_dormant_after_ms bigint,
  used_at timestamptz,
  schedule text,
  schedule_seen_at timestamptz,
  missed_at timestamptz,
  suspended boolean not null default false,
  restored_at timestamptz,
  power text,
  auto_at timestamptz
);

-- When its start scripts ended: nobody can use it before.
alter table agents add column ready_at timestamptz;
