-- Land as its registers describe it: parcels, and what may be done on them.
--
-- Geometries are GDA94 longitude and latitude (EPSG:4283), whatever reference
-- system a delivery comes in; a pipeline says which one that is.

create extension if not exists postgis;
create extension if not exists citext;

create schema cadastre;
comment on schema cadastre is 'Land as its registers describe it: parcels and planning zones.';

create table cadastre.source_dataset (
    source_dataset_id text primary key
        check (source_dataset_id ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    publisher text not null,
    description text not null,
    licence text
);
comment on table cadastre.source_dataset is 'The deliveries that rows come from.';
comment on column cadastre.source_dataset.source_dataset_id is 'A short name in small letters, digits and hyphens.';
comment on column cadastre.source_dataset.publisher is 'Who publishes the data.';
comment on column cadastre.source_dataset.description is 'What the data are.';
comment on column cadastre.source_dataset.licence is 'Under which licence they may be used; NULL where nothing is said.';

insert into cadastre.source_dataset (source_dataset_id, publisher, description, licence) values
    ('sample-lots', 'longshore', 'Made-up lots in the layout of a land register', 'CC0-1.0'),
    ('sample-zones', 'longshore', 'Made-up planning zones in the layout of a planning portal', 'CC0-1.0');

create table cadastre.parcel (
    parcel_id bigint generated always as identity primary key,
    lot_plan text not null unique
        check (lot_plan ~ '^[^ /]+/[^ /]*/[A-Z]+[0-9]+$'),
    area_m2 numeric(14, 2) check (area_m2 >= 0),
    registered_on date,
    modified_on date,
    municipality citext,
    address text,
    description text,
    geom geometry(MultiPolygon, 4283) not null,
    attributes jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
    search tsvector not null generated always as (
        to_tsvector('pg_catalog.simple', coalesce(address, '') || ' ' || coalesce(description, ''))
    ) stored,
    source_dataset_id text not null references cadastre.source_dataset on delete restrict,
    check (modified_on >= registered_on)
);
create index parcel_geom_idx on cadastre.parcel using gist (geom);
create index parcel_attributes_idx on cadastre.parcel using gin (attributes);
create index parcel_search_idx on cadastre.parcel using gin (search);
create index parcel_municipality_idx on cadastre.parcel (municipality);
create index parcel_source_dataset_id_idx on cadastre.parcel (source_dataset_id);
comment on table cadastre.parcel is 'Parcels of land, one row for each lot of a plan.';
comment on column cadastre.parcel.parcel_id is 'Our number of the parcel; it never changes and means nothing outside.';
comment on column cadastre.parcel.lot_plan is 'The register''s name: lot/section/plan, such as 12//DP755123 (no section) or 3/A/DP1442.';
comment on column cadastre.parcel.area_m2 is 'The area as registered, in square metres; the geometry''s own may differ.';
comment on column cadastre.parcel.registered_on is 'The day the parcel was registered.';
comment on column cadastre.parcel.modified_on is 'The day the register last changed the parcel.';
comment on column cadastre.parcel.municipality is 'The municipality, compared without regard to case.';
comment on column cadastre.parcel.address is 'The address as one line.';
comment on column cadastre.parcel.description is 'What the register says of the parcel in words.';
comment on column cadastre.parcel.geom is 'The outline in GDA94 (EPSG:4283), always valid.';
comment on column cadastre.parcel.attributes is 'All other fields of the delivery, as they came.';
comment on column cadastre.parcel.search is 'Words of address and description, for full-text search; made by the database.';
comment on column cadastre.parcel.source_dataset_id is 'The delivery this row came from.';

create table cadastre.planning_zone (
    planning_zone_id bigint generated always as identity primary key,
    zone_ref text not null unique check (zone_ref = btrim(zone_ref) and zone_ref <> ''),
    code text not null check (code ~ '^[A-Z]{1,4}[0-9]{0,2}$'),
    class text not null check (class <> ''),
    municipality citext,
    precinct text,
    max_height_m numeric(5, 2) check (max_height_m > 0),
    valid_from date,
    valid_to date,
    geom geometry(MultiPolygon, 4283) not null,
    attributes jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
    source_dataset_id text not null references cadastre.source_dataset on delete restrict,
    check (valid_to >= valid_from)
);
create index planning_zone_geom_idx on cadastre.planning_zone using gist (geom);
create index planning_zone_attributes_idx on cadastre.planning_zone using gin (attributes);
create index planning_zone_municipality_code_idx on cadastre.planning_zone (municipality, code);
create index planning_zone_source_dataset_id_idx on cadastre.planning_zone (source_dataset_id);
comment on table cadastre.planning_zone is 'Areas with one set of planning rules, and when they are in force.';
comment on column cadastre.planning_zone.planning_zone_id is 'Our number of the zone; it never changes and means nothing outside.';
comment on column cadastre.planning_zone.zone_ref is 'The publisher''s number of the zone.';
comment on column cadastre.planning_zone.code is 'The zone''s code on the map, such as R2.';
comment on column cadastre.planning_zone.class is 'What the code stands for, such as Low Density Residential.';
comment on column cadastre.planning_zone.municipality is 'The municipality, compared without regard to case.';
comment on column cadastre.planning_zone.precinct is 'The part of the municipality, as people call it.';
comment on column cadastre.planning_zone.max_height_m is 'The greatest height of buildings, in metres; NULL where no limit is set.';
comment on column cadastre.planning_zone.valid_from is 'The first day the zone is in force; NULL where none is set.';
comment on column cadastre.planning_zone.valid_to is 'The last day it is in force; NULL while no end is set.';
comment on column cadastre.planning_zone.geom is 'The area in GDA94 (EPSG:4283), always valid.';
comment on column cadastre.planning_zone.attributes is 'All other fields of the delivery, as they came.';
comment on column cadastre.planning_zone.source_dataset_id is 'The delivery this row came from.';
