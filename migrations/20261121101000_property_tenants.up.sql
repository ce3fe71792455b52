-- What each tenant keeps about parcels, in one table and out of each other's sight.
--
-- The tenant of a session is the setting `longshore.tenant`. Where none is set, no row is seen
-- and none can be written; the policies hold for the table's owner too.

create table property.tenant (
    tenant_id text primary key check (tenant_id ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    name text not null unique check (name <> '')
);
comment on table property.tenant is 'The tenants of the database.';
comment on column property.tenant.tenant_id is 'A short name in small letters, digits and hyphens.';
comment on column property.tenant.name is 'The tenant''s name for people.';

insert into property.tenant (tenant_id, name) values
    ('sample-north', 'Sample Council North'),
    ('sample-south', 'Sample Council South');

create table property.property (
    property_id bigint generated always as identity primary key,
    tenant_id text not null references property.tenant on delete restrict,
    property_ref text not null check (property_ref = btrim(property_ref) and property_ref <> ''),
    parcel_id bigint references cadastre.parcel on delete set null,
    title text,
    attributes jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
    updated_at timestamptz not null default now(),
    unique (tenant_id, property_ref)
);
create index property_parcel_id_idx on property.property (parcel_id);
create index property_attributes_idx on property.property using gin (attributes);
comment on table property.property is 'What tenants keep about properties; each sees only its own rows.';
comment on column property.property.property_id is 'Our number of the property; it never changes and means nothing outside.';
comment on column property.property.tenant_id is 'Whose row it is.';
comment on column property.property.property_ref is 'The tenant''s own number of the property.';
comment on column property.property.parcel_id is 'The parcel it stands on; NULL where none is known.';
comment on column property.property.title is 'What the tenant calls it.';
comment on column property.property.attributes is 'Whatever else the tenant keeps about it.';
comment on column property.property.updated_at is 'When the row was made or last changed by a load.';

create function property.current_tenant() returns text
language sql stable as $$ select nullif(current_setting('longshore.tenant', true), '') $$;
comment on function property.current_tenant() is 'The tenant of this session, NULL where none is set.';

alter table property.property enable row level security;
alter table property.property force row level security;
create policy property_of_tenant on property.property
    using (tenant_id = property.current_tenant())
    with check (tenant_id = property.current_tenant());
comment on policy property_of_tenant on property.property is 'A tenant sees and writes its own rows, and no others.';
