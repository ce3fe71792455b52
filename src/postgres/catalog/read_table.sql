-- One table, described as one JSON document; $1 is its name. No row if there is none.
with recursive relation as (
    select c.oid, c.relname, c.relkind, n.nspname
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = pg_catalog.to_regclass($1) and c.relkind in ('r', 'p', 'f', 'v', 'm')
),
attribute as (
    select a.*
    from relation r
    join pg_catalog.pg_attribute a on a.attrelid = r.oid
    where a.attnum > 0 and not a.attisdropped
),
-- The types of the columns, and those they are made of.
reachable (type_oid) as (
    select atttypid from attribute
    union
    select made_of.type_oid
    from reachable
    join pg_catalog.pg_type t on t.oid = reachable.type_oid
    cross join lateral (values (t.typbasetype), (t.typelem)) as made_of (type_oid)
    where made_of.type_oid <> 0
)
select jsonb_build_object(
    'oid', r.oid::int8,
    'schema', r.nspname,
    'name', r.relname,
    'kind', r.relkind,
    'columns', coalesce((
        select jsonb_agg(jsonb_build_object(
            'name', a.attname,
            'type', a.atttypid::int8,
            'modifier', a.atttypmod,
            'type_sql', pg_catalog.format_type(a.atttypid, a.atttypmod),
            'not_null', a.attnotnull,
            'has_default', a.atthasdef,
            'generated', a.attgenerated,
            'identity', a.attidentity
        ) order by a.attnum)
        from attribute a
    ), '[]'),
    'types', coalesce((
        select jsonb_agg(jsonb_build_object(
            'oid', t.oid::int8,
            'name', t.typname,
            'schema', n.nspname,
            'extension', (
                select e.extname
                from pg_catalog.pg_depend d
                join pg_catalog.pg_extension e on e.oid = d.refobjid
                where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
                  and d.objid = t.oid
                  and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                  and d.deptype = 'e'
                limit 1
            ),
            'kind', t.typtype,
            'base', t.typbasetype::int8,
            'modifier', t.typtypmod,
            'base_sql', case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end,
            'element', case
                when exists (
                    select from pg_catalog.pg_type e where e.oid = t.typelem and e.typarray = t.oid
                ) then t.typelem::int8
            end,
            'labels', coalesce((
                select jsonb_agg(l.enumlabel order by l.enumsortorder)
                from pg_catalog.pg_enum l
                where l.enumtypid = t.oid
            ), '[]'),
            'not_null', t.typnotnull,
            'has_default', t.typdefault is not null,
            'checks', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'name', k.conname, 'sql', pg_catalog.pg_get_expr(k.conbin, 0)
                ) order by k.conname)
                from pg_catalog.pg_constraint k
                where k.contypid = t.oid and k.contype = 'c'
            ), '[]')
        ))
        from reachable
        join pg_catalog.pg_type t on t.oid = reachable.type_oid
        join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    ), '[]'),
    'unique_keys', coalesce((
        select jsonb_agg(jsonb_build_object(
            'name', coalesce(k.conname, ic.relname),
            'primary', i.indisprimary,
            'columns', case when 0 = any (i.indkey::int2[]) then '[]' else (
                select jsonb_agg(a.attname order by key.position)
                from unnest(i.indkey::int2[]) with ordinality as key (attnum, position)
                join attribute a on a.attnum = key.attnum
                where key.position <= i.indnkeyatts
            ) end,
            'predicate', pg_catalog.pg_get_expr(i.indpred, i.indrelid),
            'nulls_not_distinct', coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false),
            'deferrable', not i.indimmediate
        ) order by i.indisprimary desc, ic.relname)
        from pg_catalog.pg_index i
        join pg_catalog.pg_class ic on ic.oid = i.indexrelid
        left join pg_catalog.pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u')
        -- Keys WITHOUT OVERLAPS (PostgreSQL 18) are unique by another measure than equality.
        where i.indrelid = r.oid and i.indisunique and i.indisvalid and not i.indisexclusion
    ), '[]'),
    'checks', coalesce((
        select jsonb_agg(jsonb_build_object(
            'name', k.conname, 'sql', pg_catalog.pg_get_expr(k.conbin, k.conrelid)
        ) order by k.conname)
        from pg_catalog.pg_constraint k
        where k.conrelid = r.oid and k.contype = 'c'
          and coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
    ), '[]'),
    'foreign_keys', coalesce((
        select jsonb_agg(jsonb_build_object(
            'name', k.conname,
            'columns', (
                select jsonb_agg(a.attname order by key.position)
                from unnest(k.conkey) with ordinality as key (attnum, position)
                join attribute a on a.attnum = key.attnum
            ),
            'references', jsonb_build_object('schema', fn.nspname, 'name', f.relname),
            'referenced_columns', (
                select jsonb_agg(a.attname order by key.position)
                from unnest(k.confkey) with ordinality as key (attnum, position)
                join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = key.attnum
            )
        ) order by k.conname)
        from pg_catalog.pg_constraint k
        join pg_catalog.pg_class f on f.oid = k.confrelid
        join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace
        where k.conrelid = r.oid and k.contype = 'f'
          and not coalesce((to_jsonb(k) ->> 'conperiod')::bool, false)
          and coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
    ), '[]')
)::text
from relation r
