-- The keys of the rows that an incremental export knows, so that deleted ones can be listed.
alter table longshore.export
  add column keys text,
  add column keys_of text references longshore.run on delete set null,
  add column deletions bigint;
comment on column longshore.export.keys is 'Incremental exports with a key: its columns and the time zone their text is in.';
comment on column longshore.export.keys_of is 'The run under which the keys are kept that were there at this run.';
comment on column longshore.export.deletions is 'Deleted rows listed; null where they are not known.';

create table longshore.export_key (
  keys_of text not null references longshore.run on delete cascade,
  key text[] not null,
  primary key (keys_of, key)
);
comment on table longshore.export_key is 'Keys of the rows that the last run of an incremental export found.';

create table longshore.export_deletion (
  run_id text not null references longshore.run on delete cascade,
  key text[] not null,
  primary key (run_id, key)
);
comment on table longshore.export_deletion is 'Keys that a run of an incremental export listed as deleted.';
