-- Runs that wait for approval, and what was decided.
alter table longshore.run drop constraint run_status_check;
alter table longshore.run add constraint run_status_check
  check (status in ('running', 'published', 'held', 'rejected', 'failed', 'discarded'));

create table longshore.held (
  run_id text primary key references longshore.run on delete cascade,
  plan jsonb not null,
  decision text check (decision in ('approved', 'discarded', 'superseded')),
  decided_at timestamptz,
  decided_by text
);
comment on table longshore.held is 'Runs that wait, or waited, for approval: what they would do, and who decided.';
