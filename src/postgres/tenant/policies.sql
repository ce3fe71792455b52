-- Whether policies keep this role to the rows that a setting names; $1 the table, $2 the setting
-- as policies quote it.
with policy as (
  select p.oid, p.polcmd, p.polpermissive as permissive,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as sees,
    pg_catalog.pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid) as writes
  from pg_catalog.pg_policy p
  where p.polrelid = $1 and (p.polroles = '{0}' or exists (
    select from unnest(p.polroles) r (oid) where pg_catalog.pg_has_role(r.oid, 'usage')))
),
-- What a command sees and what it writes go by expressions of their own.
side (command, word, written) as (
  values ('r', 'read', false), ('a', 'insert', true), ('w', 'update', false),
    ('w', 'update', true), ('d', 'delete', false)
),
said as (
  select s.command, s.word, s.written, p.permissive, pg_catalog.strpos(lower(e.sql), $2) > 0
    or exists (select from pg_catalog.pg_depend d join pg_catalog.pg_proc f on f.oid = d.refobjid
      where d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
        and d.refclassid = 'pg_catalog.pg_proc'::regclass and f.prokind = 'f'
        and pg_catalog.strpos(e.sql, f.proname::text) > 0
        and pg_catalog.strpos(lower(pg_catalog.pg_get_functiondef(f.oid)), $2) > 0) as asks
  from side s join policy p on p.polcmd in (s.command::"char", '*'),
    lateral (select coalesce(case when s.written then p.writes else p.sees end, 'true') as sql) e
)
select c.relrowsecurity, pg_catalog.row_security_active(c.oid),
  pg_catalog.pg_has_role(c.relowner, 'usage'), exists (select from said where asks),
  -- Permissive policies add up, so one that does not ask opens the table, unless a restrictive one asks.
  array(select distinct word from (select word from said group by word, written
    having bool_or(permissive and not asks) and not bool_or(not permissive and asks)) open order by word)
from pg_catalog.pg_class c where c.oid = $1
