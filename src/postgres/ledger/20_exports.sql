-- Exports among the runs: what was asked, of which state of the database, between which bounds.
alter table longshore.run
  add column kind text not null default 'import' check (kind in ('import', 'export'));
comment on column longshore.run.kind is 'Whether files went in, or rows came out.';

create table longshore.export (
  run_id text primary key references longshore.run on delete cascade,
  query_sha256 text not null,
  -- Values only of parameters that the path of the file shows as well.
  parameters jsonb not null,
  parameters_sha256 text not null,
  role text,
  manifest text not null,
  snapshot_time timestamptz,
  rows bigint,
  bytes bigint,
  since text,
  until text,
  again text references longshore.run on delete set null,
  deleted_from text,
  deleted bigint
);
comment on table longshore.export is 'What the runs that are exports were asked, and what they wrote.';
comment on column longshore.export.since is 'Incremental exports: rows whose watermark is this or later, and below until.';
comment on column longshore.export.again is 'The run whose bounds this one used again.';
comment on column longshore.export.deleted_from is 'Archives: the table whose rows went once they were in the files.';
