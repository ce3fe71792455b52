-- Which run has which table to itself, and what a run that was cut off can be continued by.
create table longshore.lease (
  target oid primary key,
  table_name text not null,
  run_id text not null,
  pipeline text not null,
  holder text not null,
  token bigint not null,
  acquired_at timestamptz not null default clock_timestamp(),
  heartbeat_at timestamptz not null default clock_timestamp()
);
comment on table longshore.lease is 'The tables that runs are loading now; a greater token fences off a smaller one.';

alter table longshore.run add column resume_key text;
comment on column longshore.run.resume_key is 'What a run reads and how; a later run with the same goes on where this one was cut off.';
