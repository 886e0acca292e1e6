-- Plans that a person may have to agree to before they are carried out.

alter table jobs drop constraint jobs_kind_check;
alter table jobs add constraint jobs_kind_check check (kind in ('build', 'import', 'look', 'plan', 'preview'));
create unique index jobs_one_plan_at_a_time on jobs (subject_uid) where kind = 'plan' and finished_at is null;

-- A plan holds values, secret ones too: it is sealed as a state is, and goes with its job.
create table plans (
  job_id bigint primary key references jobs (id) on delete cascade,
  workspace_uid text not null,
  sealed bytea not null,
  approved_at timestamptz,
  approved_by text
);
