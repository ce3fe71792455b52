-- What a role needs to run pipelines, and whether the current one has it; $1 is a JSON array
-- of {name, privileges, columns, drawn}, one for each target. What is not there needs nothing.
with wanted as (
    select t.name, t.privileges, t.columns, t.drawn
    from jsonb_to_recordset($1::jsonb) as t (name text, privileges text[], columns text[], drawn text[])
),
-- Not by to_regclass where a schema is named: without USAGE on it that is an error.
target as (
    select
        wanted.name,
        case cardinality(parts.p)
            when 2 then (
                select c.oid
                from pg_catalog.pg_class c
                join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                where n.nspname = parts.p[1] and c.relname = parts.p[2]
            )
            else pg_catalog.to_regclass(wanted.name)::oid
        end as oid,
        wanted.privileges, wanted.columns, wanted.drawn
    from wanted
    cross join lateral (select pg_catalog.parse_ident(wanted.name) as p) as parts
),
own as (
    select s.position, s.name, n.oid
    from (values (1, 'longshore'), (2, 'longshore_staging'), (3, 'longshore_undo')) as s (position, name)
    left join pg_catalog.pg_namespace n on n.nspname = s.name
),
-- The names of columns are those that have to be readable or writable at least.
table_need (oid, privilege, columns) as (
    select target.oid, p.privilege, target.columns
    from target cross join lateral unnest(target.privileges) as p (privilege)
    union all
    -- Foreign keys are judged by a join with the table they refer to.
    select k.confrelid, 'SELECT', array(
        select a.attname::text
        from pg_catalog.pg_attribute a
        where a.attrelid = k.confrelid and a.attnum = any (k.confkey)
    )
    from target
    join pg_catalog.pg_constraint k on k.conrelid = target.oid and k.contype = 'f'
    -- A log is only written: the server itself judges its keys.
    where 'SELECT' = any (target.privileges)
    union all
    select c.oid, p.privilege, '{}'
    from pg_catalog.pg_class c
    join own on own.oid = c.relnamespace and own.name = 'longshore'
    cross join (values ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) as p (privilege)
    where c.relkind in ('r', 'p') and c.relname <> 'migration'
),
-- Sequences behind defaults that are not written over; an identity's needs nothing, unless its
-- values are drawn before rows are written.
sequence_need (oid) as (
    select distinct s.oid
    from target
    join pg_catalog.pg_attribute a
        on a.attrelid = target.oid and a.atthasdef and a.attname <> all (target.columns)
    join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    join pg_catalog.pg_depend p
        on p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and p.objid = d.oid
        and p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    join pg_catalog.pg_class s on s.oid = p.refobjid and s.relkind = 'S'
    union
    select s.oid
    from target
    join pg_catalog.pg_attribute a
        on a.attrelid = target.oid and a.attidentity <> ''
        and a.attname = any (target.drawn) and a.attname <> all (target.columns)
    join pg_catalog.pg_depend p
        on p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and p.refobjid = target.oid and p.refobjsubid = a.attnum and p.deptype = 'i'
        and p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    join pg_catalog.pg_class s on s.oid = p.objid and s.relkind = 'S'
),
schema_need (oid, privilege) as (
    select c.relnamespace, 'USAGE'
    from pg_catalog.pg_class c
    where c.oid in (select oid from table_need union select oid from sequence_need)
    union
    -- The columns' types are named in casts.
    select t.typnamespace, 'USAGE'
    from target
    join pg_catalog.pg_attribute a on a.attrelid = target.oid and a.attnum > 0
    join pg_catalog.pg_type t on t.oid = a.atttypid
    where t.typnamespace <> 'pg_catalog'::pg_catalog.regnamespace
    union
    select own.oid, p.privilege
    from own
    cross join (values ('USAGE'), ('CREATE')) as p (privilege)
    where own.oid is not null
      -- A ledger that is complete is not added to.
      and not (own.name = 'longshore' and p.privilege = 'CREATE' and exists (
          select from pg_catalog.pg_class c where c.relnamespace = own.oid and c.relname = 'step'
      ))
),
need (position, kind, schema, name, privilege, held) as (
    select 0, 'no table', target.name, null, '', false
    from target
    where target.oid is null
    union all
    select own.position, 'new schema', own.name, null, 'CREATE',
        pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
    from own
    where own.oid is null
    union all
    select case when s.oid in (select oid from own) then 3 else 4 end, 'schema', n.nspname, null, s.privilege,
        pg_catalog.has_schema_privilege(s.oid, s.privilege)
    from schema_need s
    join pg_catalog.pg_namespace n on n.oid = s.oid
    union all
    select 5, 'table', n.nspname, c.relname, t.privilege,
        pg_catalog.has_table_privilege(t.oid, t.privilege)
        or (cardinality(t.columns) > 0 and t.privilege <> 'DELETE' and not exists (
            select
            from pg_catalog.pg_attribute a
            where a.attrelid = t.oid and a.attname = any (t.columns)
              and not pg_catalog.has_column_privilege(
                  t.oid, a.attnum, case t.privilege when 'DELETE' then 'SELECT' else t.privilege end)
        ))
    from table_need t
    join pg_catalog.pg_class c on c.oid = t.oid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    union all
    select 6, 'sequence', n.nspname, c.relname, 'USAGE',
        pg_catalog.has_sequence_privilege(s.oid, 'USAGE')
    from sequence_need s
    join pg_catalog.pg_class c on c.oid = s.oid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
)
select kind, schema::text, name::text, privilege, bool_and(held)
from need
group by position, kind, schema, name, privilege
order by position, schema, name,
    array_position('{USAGE,CREATE,SELECT,INSERT,UPDATE,DELETE}', privilege)
