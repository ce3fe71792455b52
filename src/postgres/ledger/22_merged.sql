-- Records that share a row with others and agree on it: they are no duplicates.
alter table longshore.tally
  add column merged bigint not null default 0,
  add constraint merged_are_unchanged check (merged between 0 and unchanged);
comment on column longshore.tally.merged is
  'Of those unchanged, records whose row another record of the run brings just so.';
