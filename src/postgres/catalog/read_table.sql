-- One table, described as one JSON document; $1 is its name. No row if there is none.
with recursive relation as (
    select c.oid, c.relname, c.relkind, c.relpersistence, n.nspname
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
-- What each unique or exclusion index compares, as SQL with its collation.
index_part as (
    select i.indexrelid, key.position,
        pg_catalog.pg_get_indexdef(i.indexrelid, key.position::int, false)
            || case when l.oid is null then ''
               else pg_catalog.format(' collate %I.%I', ln.nspname, l.collname) end as sql,
        pg_catalog.format('%I.%I', cn.nspname, oc.opcname) as class
    from relation r
    join pg_catalog.pg_index i on i.indrelid = r.oid and (i.indisunique or i.indisexclusion) and i.indisvalid
    cross join lateral unnest(i.indclass::oid[], i.indcollation::oid[])
        with ordinality as key (class, collation_oid, position)
    join pg_catalog.pg_opclass oc on oc.oid = key.class
    join pg_catalog.pg_namespace cn on cn.oid = oc.opcnamespace
    left join pg_catalog.pg_collation l on l.oid = key.collation_oid and l.collname <> 'default'
    left join pg_catalog.pg_namespace ln on ln.oid = l.collnamespace
    where key.position <= i.indnkeyatts
),
-- The columns that an index or a default needs, in its keys or in expressions.
needed (classid, objid, attname) as (
    select d.classid, d.objid, a.attname
    from attribute a
    join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and d.refobjid = a.attrelid and d.refobjsubid = a.attnum
        and d.classid in ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_attrdef'::pg_catalog.regclass)
    union
    select 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, a.attname
    from attribute a
    join pg_catalog.pg_index i on i.indrelid = a.attrelid and a.attnum = any (i.indkey::int2[])
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
    'temporary', r.relpersistence = 't',
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
            'parts', (
                select jsonb_agg(p.sql order by p.position) from index_part p where p.indexrelid = i.indexrelid
            ),
            'uses', coalesce((
                select jsonb_agg(distinct u.attname) from needed u
                where u.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and u.objid = i.indexrelid
            ), '[]'),
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
            'name', k.conname,
            'sql', pg_catalog.pg_get_expr(k.conbin, k.conrelid),
            'uses', coalesce((
                select jsonb_agg(a.attname) from attribute a where a.attnum = any (k.conkey)
            ), '[]')
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
            'match_full', k.confmatchtype = 'f',
            'deferrable', k.condeferrable,
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
    ), '[]'),
    'exclusions', coalesce((
        select jsonb_agg(jsonb_build_object(
            'name', k.conname,
            'method', am.amname,
            'parts', (
                select jsonb_agg(jsonb_build_object(
                    'sql', p.sql, 'class', p.class,
                    'operator', pg_catalog.format('%I.%s', opn.nspname, op.oprname)
                ) order by p.position)
                from index_part p
                join pg_catalog.pg_operator op on op.oid = k.conexclop[p.position]
                join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace
                where p.indexrelid = k.conindid
            ),
            'predicate', pg_catalog.pg_get_expr(i.indpred, i.indrelid),
            'uses', coalesce((
                select jsonb_agg(distinct u.attname) from needed u
                where u.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and u.objid = k.conindid
            ), '[]'),
            'deferrable', not i.indimmediate,
            'temporal', k.contype <> 'x'
        ) order by k.conname)
        from pg_catalog.pg_constraint k
        join pg_catalog.pg_index i on i.indexrelid = k.conindid
        join pg_catalog.pg_class ic on ic.oid = k.conindid
        join pg_catalog.pg_am am on am.oid = ic.relam
        -- Keys WITHOUT OVERLAPS too, which are called primary or unique.
        where k.conrelid = r.oid and k.contype in ('x', 'p', 'u') and i.indisexclusion
    ), '[]'),
    -- Indexes that compare nothing, but evaluate something of each row.
    'indexes', coalesce((
        select jsonb_agg(jsonb_build_object(
            'name', ic.relname,
            'parts', (
                select jsonb_agg(pg_catalog.pg_get_indexdef(i.indexrelid, n.position, false) order by n.position)
                from generate_series(1, i.indnkeyatts::int) n (position)
            ),
            'uses', coalesce((
                select jsonb_agg(distinct u.attname) from needed u
                where u.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and u.objid = i.indexrelid
            ), '[]'),
            'predicate', pg_catalog.pg_get_expr(i.indpred, i.indrelid)
        ) order by ic.relname)
        from pg_catalog.pg_index i
        join pg_catalog.pg_class ic on ic.oid = i.indexrelid
        where i.indrelid = r.oid and not i.indisunique and not i.indisexclusion and i.indisready
          and (i.indexprs is not null or i.indpred is not null)
    ), '[]'),
    -- A function's value may differ each time, and a sequence's is used up; constants, the
    -- moment of the transaction and the like may be asked for.
    'fills', coalesce((
        select jsonb_agg(jsonb_build_object(
            'column', a.attname,
            'generated', a.attgenerated <> '',
            'sql', case when a.attgenerated <> '' or d.sql = 'now()'
                or pg_catalog.regexp_replace(d.sql, $re$'([^']|'')*'$re$, '', 'g') !~ $re$[[:alnum:]_"]\s*\($re$
                then d.sql end,
            'uses', coalesce((
                select jsonb_agg(distinct u.attname) from needed u
                where u.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and u.objid = d.oid
                  and u.attname <> a.attname
            ), '[]')
        ) order by a.attnum)
        from attribute a
        join lateral (
            select f.oid, pg_catalog.pg_get_expr(f.adbin, f.adrelid) as sql
            from pg_catalog.pg_attrdef f
            where f.adrelid = a.attrelid and f.adnum = a.attnum
        ) d on true
    ), '[]')
)::text
from relation r
