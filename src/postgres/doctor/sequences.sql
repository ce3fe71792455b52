-- How far the sequences behind columns of the targets have come; $1 is their names as JSON.
-- A sequence whose value the role may not see is left out.
select
    n.nspname::text, c.relname::text, a.attname::text,
    (100.0 * coalesce(q.last_value, 0) / least(
        s.seqmax,
        case a.atttypid
            when 'int2'::regtype then 32767 when 'int4'::regtype then 2147483647 else s.seqmax
        end
    ))::float8
from jsonb_array_elements_text($1::jsonb) as target (name)
join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(target.name)
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_depend d
    on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refobjid = c.oid and d.deptype in ('a', 'i')
join pg_catalog.pg_sequence s on s.seqrelid = d.objid and s.seqincrement > 0
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
join pg_catalog.pg_class sc on sc.oid = s.seqrelid
join pg_catalog.pg_namespace sn on sn.oid = sc.relnamespace
join pg_catalog.pg_sequences q on q.schemaname = sn.nspname and q.sequencename = sc.relname
order by 1, 2, 3
