create table longshore.warning (
  run_id text not null references longshore.run on delete cascade,
  code text not null,
  warnings bigint not null,
  primary key (run_id, code)
);
comment on table longshore.warning is 'How many warnings of each code a run gave: of records and files that it loaded all the same.';
