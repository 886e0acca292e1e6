-- Passes are signed and kept nowhere. What is kept is which of them count no more: tickets that were used, sessions that were ended.
create table ended_passes (
  id text primary key,
  kind text not null,
  until_at timestamptz not null
);
create index ended_passes_age on ended_passes (until_at);
