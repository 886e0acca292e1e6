-- Control planes that share this database, and where each of them passes on what is meant for agents it holds.
create table replicas (
  name text primary key,
  url text not null,
  -- sha256 of the certificate it shows there, made anew at each start.
  fingerprint text not null,
  seen_at timestamptz not null default clock_timestamp()
);
