-- What was rejected, record by record, and which replay loaded it: no values.
alter table longshore.run
  add column pipeline_file text,
  add column replays text references longshore.run on delete cascade;
comment on column longshore.run.pipeline_file is 'Where the pipeline stood on the machine that ran it.';
comment on column longshore.run.replays is 'The run whose corrected records this one loaded.';

create table longshore.rejected_record (
  run_id text not null references longshore.run on delete cascade,
  file int not null,
  record bigint not null,
  line bigint not null,
  codes text not null,
  closed_by text references longshore.run on delete set null,
  primary key (run_id, file, record)
);
comment on table longshore.rejected_record is
  'The rejected records of published runs by file, line and number; closed_by is the replay that loaded one.';
create index rejected_record_closed_by_idx on longshore.rejected_record (closed_by) where closed_by is not null;
