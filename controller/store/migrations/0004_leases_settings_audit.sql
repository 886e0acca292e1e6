-- Rows are never deleted: an epoch that began again at 1 would fence nobody.
create table leases (
  name text primary key,
  holder text not null,
  epoch integer not null,
  lease_until timestamptz not null
);

create table settings (
  key text primary key,
  value json not null,
  changed_at timestamptz not null default clock_timestamp()
);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  subject text not null,
  origin text not null,
  detail json not null
);
create index audit_at on audit (at);
