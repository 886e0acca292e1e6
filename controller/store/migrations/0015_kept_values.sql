-- Values that templates take from Secrets and the like, sealed. Everything else names them by a token that says nothing of them.
create table kept_values (
  token text primary key,
  template_uid text not null,
  sealed bytea not null,
  used_at timestamptz not null default clock_timestamp()
);
