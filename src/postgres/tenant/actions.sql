-- Foreign keys through which the server itself changes rows of tables with policies, past these:
-- $1 the table, $2 whether its rows are deleted, $3 the columns that are updated, $4 the setting as
-- policies quote it. A key that has the tenant in it reaches only rows of the same one.
with recursive tenant_column as (
  select p.polrelid as oid, d.refobjsubid as number
  from pg_catalog.pg_policy p
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
    and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = p.polrelid and d.refobjsubid > 0,
    lateral (select concat(pg_catalog.pg_get_expr(p.polqual, p.polrelid),
      pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)) as sql) e
  where pg_catalog.strpos(lower(e.sql), $4) > 0
    or exists (select from pg_catalog.pg_depend u join pg_catalog.pg_proc f on f.oid = u.refobjid
      where u.classid = 'pg_catalog.pg_policy'::regclass and u.objid = p.oid
        and u.refclassid = 'pg_catalog.pg_proc'::regclass and f.prokind = 'f'
        and pg_catalog.strpos(lower(pg_catalog.pg_get_functiondef(f.oid)), $4) > 0)
),
action as (
  select k.conname, k.conrelid, k.confrelid, k.confkey, k.confdeltype in ('c', 'n', 'd') as on_delete,
    k.confupdtype in ('c', 'n', 'd') as on_update,
    r.relrowsecurity and not exists (
      select from unnest(k.conkey, k.confkey) pair (ours, theirs)
      join tenant_column o on o.oid = k.conrelid and o.number = pair.ours
      join tenant_column t on t.oid = k.confrelid and t.number = pair.theirs) as reaches_others
  from pg_catalog.pg_constraint k join pg_catalog.pg_class r on r.oid = k.conrelid
  where k.contype = 'f' and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'))
),
reached as (
  select conname, conrelid, reaches_others from action a
  where confrelid = $1 and ($2 and on_delete or on_update and exists (
    select from pg_catalog.pg_attribute c
    where c.attrelid = a.confrelid and c.attnum = any (a.confkey) and c.attname = any ($3)))
  union
  select a.conname, a.conrelid, a.reaches_others from reached r join action a on a.confrelid = r.conrelid
)
select conname::text, conrelid::regclass::text from reached where reaches_others order by 1, 2 limit 1
