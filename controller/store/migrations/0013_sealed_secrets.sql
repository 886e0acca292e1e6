-- The values of a Secret, sealed. What is in body, and so in every change, names its keys and nothing else.
alter table objects add column sealed bytea;
