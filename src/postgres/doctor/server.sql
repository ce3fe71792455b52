-- What the server says of itself, as one JSON document.
select jsonb_build_object(
    'version', current_setting('server_version_num')::int,
    'encoding', current_setting('server_encoding'),
    'superuser', (select rolsuper from pg_catalog.pg_roles where rolname = current_user),
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
        select least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))
        from pg_catalog.pg_roles r
        cross join pg_catalog.pg_database d
        where r.rolname = current_user and d.datname = current_database()
    ),
    'fsync', current_setting('fsync')::bool,
    'full_page_writes', current_setting('full_page_writes')::bool,
    'autovacuum', current_setting('autovacuum')::bool,
    'data_directory', case
        when pg_has_role('pg_read_all_settings', 'USAGE') then current_setting('data_directory')
    end,
    -- What a setting is for this role in this database, in milliseconds; NULL if unknown here.
    'timeouts', (
        select jsonb_object_agg(name, setting::bigint)
        from pg_catalog.pg_settings
        where name = 'idle_session_timeout' and setting <> '0'
    ),
    'slots', (
        select coalesce(jsonb_agg(jsonb_build_object(
            'active', active,
            'lost', wal_status is not distinct from 'lost',
            'bytes', case when not pg_is_in_recovery() then
                greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) end
        )), '[]')
        from pg_catalog.pg_replication_slots
    ),
    'collations_changed', (
        select count(*) from pg_catalog.pg_collation
        where collversion is distinct from pg_catalog.pg_collation_actual_version(oid)
          and collversion is not null
    ),
    'seconds', extract(epoch from clock_timestamp())::float8
)::text
