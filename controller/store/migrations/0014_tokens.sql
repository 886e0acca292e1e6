-- Tokens that were made for a purpose. Only what they hash to is kept: whoever reads this table can show none of them.
create table tokens (
  id text primary key,
  name text not null unique,
  hash text not null unique,
  scope text not null,
  -- Empty: everywhere.
  namespaces text[] not null,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  -- null: until it is revoked.
  expires_at timestamptz,
  -- To the hour, or so.
  used_at timestamptz,
  -- That it expired was noted in the audit.
  noted boolean not null default false
);
