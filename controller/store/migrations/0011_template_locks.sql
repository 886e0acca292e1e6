-- Which providers a version uses, as terraform's own lock file; what a template ships itself is among its files.
alter table template_files add column provider_lock text;
