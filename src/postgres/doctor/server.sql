-- What the server says of itself, as one JSON document.
select jsonb_build_object(
    'version', current_setting('server_version_num')::int,
    'encoding', current_setting('server_encoding'),
    'superuser', (select rolsuper from pg_catalog.pg_roles where rolname = current_user),
    'may_create_schema', has_database_privilege(current_database(), 'CREATE'),
    'own_schemas', (
        select coalesce(jsonb_agg(nspname), '[]')
        from pg_catalog.pg_namespace
        where nspname in ('longshore', 'longshore_staging')
          and has_schema_privilege(oid, 'USAGE') and has_schema_privilege(oid, 'CREATE')
    ),
    'extensions', (
        select coalesce(jsonb_object_agg(name, installed_version is not null), '{}')
        from pg_catalog.pg_available_extensions
        where name in ('postgis', 'citext', 'unaccent', 'pg_trgm')
    ),
    'connections_max', current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int,
    'connections_used', (
        select count(*) from pg_catalog.pg_stat_activity where backend_type is null or backend_type = 'client backend'
    ),
    'role_connections_max', (
        select nullif(rolconnlimit, -1) from pg_catalog.pg_roles where rolname = current_user
    ),
    'fsync', current_setting('fsync')::bool,
    'full_page_writes', current_setting('full_page_writes')::bool,
    'autovacuum', current_setting('autovacuum')::bool,
    'data_directory', case
        when pg_has_role('pg_read_all_settings', 'USAGE') then current_setting('data_directory')
    end,
    'idle_slots', (select count(*) from pg_catalog.pg_replication_slots where not active),
    'collations_changed', (
        select count(*) from pg_catalog.pg_collation
        where collversion is distinct from pg_catalog.pg_collation_actual_version(oid)
          and collversion is not null
    ),
    'seconds', extract(epoch from clock_timestamp())::float8
)::text
