-- What an import finds out about a version besides what it asks, and templates that are programs.

alter table versions add column facts json;

-- Templates in TypeScript: what they were synthesised to, once. `files` stay what somebody wrote and the digest names.
alter table template_files add column synthesised json;

-- A preview is about a template, as an import is.
alter table jobs drop column subject_key;
alter table jobs add column subject_key text not null generated always as (
  case when kind in ('import', 'preview') then 'Template' else 'Workspace' end || '/' || subject_namespace || '/' || subject_name
) stored;
create index jobs_previews on jobs (subject_uid) where kind = 'preview';
