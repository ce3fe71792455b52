-- What it takes to give back what a run changed, for as long as its pipeline says.
alter table longshore.run
  add column undoes text references longshore.run on delete cascade,
  add column undone_by text references longshore.run on delete set null;
comment on column longshore.run.undoes is 'The run whose changes this one took back.';
comment on column longshore.run.undone_by is 'The run that took this one''s changes back: its files count as not loaded.';

-- What runs replaced: personal data, for the role that loaded them only.
do $$ begin
  -- An administrator may have made it for a role that may make none.
  if pg_catalog.to_regnamespace('longshore_undo') is null then
    create schema longshore_undo;
  end if;
end $$;

create table longshore.undo (
  run_id text primary key references longshore.run on delete cascade,
  transaction_id bigint not null,
  -- Its subtransactions: rows whose xmin is one of them were written by the run and by nobody since.
  writers bigint[] not null,
  -- Transactions are numbered by cluster: a dump restored elsewhere has other numbers.
  database text not null,
  expires_at timestamptz not null
);
comment on table longshore.undo is 'Published runs that can be undone, and until when.';
create index undo_expires_at_idx on longshore.undo (expires_at);

create table longshore.undo_mark (run_id text not null);
comment on table longshore.undo_mark is
  'Rows that show by their xmin which subtransactions a run writes by; empty between runs.';

create table longshore.undo_target (
  run_id text not null references longshore.undo on delete cascade,
  target int not null,
  table_oid oid not null,
  schema_name text not null,
  table_name text not null,
  key smallint[] not null,
  nulls_equal boolean not null,
  columns smallint[] not null,
  types text[] not null,
  inserted bigint not null,
  updated bigint not null,
  deleted bigint not null,
  deletes text not null,
  image text,
  primary key (run_id, target)
);
comment on table longshore.undo_target is
  'What a run wrote to each table; image names the table in schema longshore_undo that holds the rows it replaced.';
comment on column longshore.undo_target.columns is 'The columns of the image by attribute number: c1, c2, ...';
