-- Evidence of use, in intervals. What touches is one row.
create table activity (
  id bigint generated always as identity primary key,
  workspace_uid text not null,
  kind text not null,
  actor text not null,
  from_at timestamptz not null,
  until_at timestamptz not null
);
create index activity_newest on activity (workspace_uid, kind, until_at desc);
create index activity_age on activity (until_at);

-- When the agent last said what it knows of use, and when somebody was last woken to hear of it.
alter table agents add column reported_at timestamptz, add column told_at timestamptz;
