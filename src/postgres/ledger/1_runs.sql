-- What every run did, kept in the target database itself.
create table longshore.run (
  run_id text primary key,
  pipeline text not null,
  definition_sha256 text not null,
  status text not null check (status in ('running', 'published', 'held', 'rejected', 'failed')),
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  started_by text not null default session_user,
  version text not null,
  report text,
  message text
);
comment on table longshore.run is 'One row per run of an import pipeline.';
create index run_pipeline_idx on longshore.run (pipeline, started_at);

create table longshore.file (
  run_id text not null references longshore.run on delete cascade,
  ordinal int not null,
  path text not null,
  sha256 text not null,
  bytes bigint not null,
  records bigint not null,
  primary key (run_id, ordinal)
);
comment on table longshore.file is 'The files each run read, by the hash of their bytes.';
create index file_sha256_idx on longshore.file (sha256);

create table longshore.tally (
  run_id text not null references longshore.run on delete cascade,
  target int not null,
  table_name text not null,
  mode text not null,
  read bigint not null,
  filtered bigint not null,
  rejected bigint not null,
  duplicate bigint not null,
  inserted bigint not null,
  updated bigint not null,
  unchanged bigint not null,
  deleted bigint not null,
  primary key (run_id, target),
  constraint every_record_has_one_outcome
    check (read = filtered + rejected + duplicate + inserted + updated + unchanged)
);
comment on table longshore.tally is 'What became of the records, per target table; the sums close.';

create table longshore.rejection (
  run_id text not null references longshore.run on delete cascade,
  code text not null,
  violations bigint not null,
  primary key (run_id, code)
);
comment on table longshore.rejection is 'How many violations of each code a run met.';
