-- Declared objects, what changed about them, and what happened to them.

-- One row. Whoever writes an object takes the next version here, inside the write's transaction: the row's lock is held
-- until commit, so versions become visible in their own order and a watcher that reads on from a version misses nothing.
-- (A sequence hands numbers out before commit: 8 may become visible before 7, and a watcher that saw 8 never sees 7.)
create table object_version (
  one boolean primary key default true check (one),
  version bigint not null,
  -- Changes up to here have been pruned; a watch from before it is told so.
  oldest bigint not null
);
insert into object_version (version, oldest) values (1, 1);

-- body is json, not jsonb: the text is kept as it came and is never searched. It lacks metadata.resourceVersion, which is `version`.
create table objects (
  kind text collate "C" not null,
  namespace text collate "C" not null,
  name text collate "C" not null,
  uid text not null unique,
  version bigint not null,
  body json not null,
  -- Uids of its owners, for garbage collection.
  owners text[] not null default '{}',
  deleting boolean not null default false,
  -- Which labels and annotations each declarer gave, so that what it later leaves out can go and what others gave stays.
  applied json not null default '{}',
  primary key (kind, namespace, name)
);
create index objects_owned on objects using gin (owners) where owners <> '{}';
create index objects_in_namespace on objects (namespace);
create index objects_deleting on objects (kind) where deleting;

create table object_changes (
  version bigint primary key,
  kind text collate "C" not null,
  type text not null check (type in ('ADDED', 'MODIFIED', 'DELETED')),
  body json not null,
  -- What selectors looked at before this change, where it differs from what they see in body.
  before json,
  at timestamptz not null default clock_timestamp()
);
create index object_changes_of_kind on object_changes (kind, version);
create index object_changes_at on object_changes (at);

-- Whoever prunes: a watch from before what is gone must learn of it.
create function object_changes_pruned() returns trigger language plpgsql as $$
begin
  update object_version
  set oldest = greatest(oldest, (select max(version) from gone))
  where exists (select from gone);
  return null;
end
$$;
create trigger object_changes_pruned after delete on object_changes
  referencing old table as gone for each statement execute function object_changes_pruned();

-- Repeats of the same happening within a while are one row with a count.
create table events (
  uid text primary key,
  namespace text collate "C" not null,
  name text collate "C" not null,
  version bigint not null,
  regarding text collate "C" not null,
  type text not null,
  reason text not null,
  note text not null,
  count integer not null,
  last_at timestamptz not null,
  body json not null,
  unique (namespace, name)
);
create index events_regarding on events (regarding, last_at);
create index events_last_at on events (last_at);
