-- What happens to land and buildings on the market.

create schema property;
comment on schema property is 'Sales of land and buildings.';

create type property.property_type as enum ('detached', 'semi_detached', 'terraced', 'flat', 'other');
comment on type property.property_type is 'Kinds of property.';

create type property.tenure as enum ('freehold', 'leasehold', 'unknown');
comment on type property.tenure is 'Under which right a property is held.';

create table property.sale (
    transaction_id uuid primary key,
    price numeric(14, 2) not null check (price > 0),
    sold_on date not null,
    property_type property.property_type not null,
    new_build boolean not null,
    tenure property.tenure not null,
    unit text,
    building text,
    street text,
    locality text,
    town text not null check (town <> ''),
    district text,
    county text,
    postcode text not null check (postcode ~ '^[0-9]{4}$'),
    address text not null,
    lot_plan text check (lot_plan ~ '^[^ /]+/[^ /]*/[A-Z]+[0-9]+$'),
    category text not null check (category in ('standard', 'additional')),
    search tsvector not null generated always as (to_tsvector('pg_catalog.simple', address)) stored
);
create index sale_sold_on_idx on property.sale (sold_on);
create index sale_district_sold_on_idx on property.sale (district, sold_on);
create index sale_postcode_idx on property.sale (postcode);
create index sale_lot_plan_idx on property.sale (lot_plan);
create index sale_search_idx on property.sale using gin (search);
comment on table property.sale is 'Sales of properties at their full price, one row for each transaction.';
comment on column property.sale.transaction_id is 'The register''s identifier of the transaction.';
comment on column property.sale.price is 'The price paid, in the currency of the register.';
comment on column property.sale.sold_on is 'The day of the transfer.';
comment on column property.sale.property_type is 'What was sold.';
comment on column property.sale.new_build is 'Whether the building was new.';
comment on column property.sale.tenure is 'Under which right it is held.';
comment on column property.sale.unit is 'The flat or unit within the building.';
comment on column property.sale.building is 'The number or name of the building.';
comment on column property.sale.street is 'The street.';
comment on column property.sale.locality is 'The part of the town.';
comment on column property.sale.town is 'The town.';
comment on column property.sale.district is 'The administrative district; sales are counted by it.';
comment on column property.sale.county is 'The county.';
comment on column property.sale.postcode is 'The postcode: four digits, leading zeros count.';
comment on column property.sale.address is 'The address as one line.';
comment on column property.sale.lot_plan is 'The lot as the land register calls it; not every lot is in cadastre.parcel.';
comment on column property.sale.category is 'standard: one private buyer; additional: repossessions, companies, several at once.';
comment on column property.sale.search is 'Words of the address, for full-text search; made by the database.';
