-- What objects and events were before they were written or deleted: kept while lists are read page by page, so that all of a list is of
-- one moment. Nobody else reads it, and nothing is written here while no list has a second page.
create table past_objects (
  kind text collate "C" not null,
  namespace text collate "C" not null,
  name text collate "C" not null,
  version bigint not null,
  -- The version at which it was this no more.
  until bigint not null,
  body json not null,
  at timestamptz not null default clock_timestamp(),
  primary key (kind, namespace, name, version)
);
create index past_objects_at on past_objects (at);
create index past_objects_until on past_objects (until);

-- In the row that every write locks, so that no write misses that somebody lists.
alter table object_version
  -- All of what was after this version can be read.
  add column past_from bigint not null default 0,
  -- Until then writes keep what was.
  add column past_until timestamptz not null default '-infinity';

-- Whoever prunes: a list of a moment before what is gone must learn of it.
create function past_objects_pruned() returns trigger language plpgsql as $$
begin
  update object_version
  set past_from = greatest(past_from, (select max(until) from gone))
  where exists (select from gone);
  return null;
end
$$;
create trigger past_objects_pruned after delete on past_objects
  referencing old table as gone for each statement execute function past_objects_pruned();
