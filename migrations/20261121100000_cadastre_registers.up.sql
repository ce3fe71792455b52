-- What registers hold about parcels beside their outline: addresses, buildings, owners, values.
--
-- An owner's name and share are personal: pipelines mark them sensitive, and reports never show them.

create table cadastre.address (
    address_id bigint generated always as identity primary key,
    address_ref text not null unique check (address_ref = btrim(address_ref) and address_ref <> ''),
    parcel_id bigint references cadastre.parcel on delete set null,
    unit text,
    house_number text,
    street text not null check (street <> ''),
    locality text,
    postcode text check (postcode ~ '^[0-9]{4}$'),
    municipality citext,
    full_address text not null check (full_address <> ''),
    geom geometry(Point, 4283) not null,
    source_dataset_id text not null references cadastre.source_dataset on delete restrict
);
create index address_geom_idx on cadastre.address using gist (geom);
create index address_parcel_id_idx on cadastre.address (parcel_id);
create index address_municipality_street_idx on cadastre.address (municipality, street);
create index address_postcode_idx on cadastre.address (postcode);
create index address_source_dataset_id_idx on cadastre.address (source_dataset_id);
comment on table cadastre.address is 'Addresses as points, one row for each entrance or lot that has one.';
comment on column cadastre.address.address_id is 'Our number of the address; it never changes and means nothing outside.';
comment on column cadastre.address.address_ref is 'The publisher''s number of the address.';
comment on column cadastre.address.parcel_id is 'The parcel the address stands on; NULL where it is not known.';
comment on column cadastre.address.unit is 'The flat or unit within the building.';
comment on column cadastre.address.house_number is 'The house number, with its letter.';
comment on column cadastre.address.street is 'The street with its type, such as Hill Street.';
comment on column cadastre.address.locality is 'The suburb or part of the town.';
comment on column cadastre.address.postcode is 'The postcode: four digits, leading zeros count.';
comment on column cadastre.address.municipality is 'The municipality, compared without regard to case.';
comment on column cadastre.address.full_address is 'The address as one line.';
comment on column cadastre.address.geom is 'Where it is, in GDA94 (EPSG:4283).';
comment on column cadastre.address.source_dataset_id is 'The delivery this row came from.';

create table cadastre.building (
    building_id bigint generated always as identity primary key,
    building_ref text not null unique check (building_ref = btrim(building_ref) and building_ref <> ''),
    parcel_id bigint references cadastre.parcel on delete set null,
    use_code text check (use_code <> ''),
    storeys smallint check (storeys between 1 and 300),
    height_m numeric(6, 2) check (height_m > 0),
    built_year smallint check (built_year between 1000 and 2200),
    geom geometry(MultiPolygon, 4283) not null,
    attributes jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
    source_dataset_id text not null references cadastre.source_dataset on delete restrict
);
create index building_geom_idx on cadastre.building using gist (geom);
create index building_parcel_id_idx on cadastre.building (parcel_id);
create index building_attributes_idx on cadastre.building using gin (attributes);
create index building_source_dataset_id_idx on cadastre.building (source_dataset_id);
comment on table cadastre.building is 'Buildings by their outline on the ground.';
comment on column cadastre.building.building_id is 'Our number of the building; it never changes and means nothing outside.';
comment on column cadastre.building.building_ref is 'The publisher''s number of the building.';
comment on column cadastre.building.parcel_id is 'The parcel it stands on; NULL where it is not known or there are several.';
comment on column cadastre.building.use_code is 'What it is used for, in the publisher''s code.';
comment on column cadastre.building.storeys is 'Storeys above the ground.';
comment on column cadastre.building.height_m is 'Height above the ground in metres.';
comment on column cadastre.building.built_year is 'The year it was finished.';
comment on column cadastre.building.geom is 'The outline in GDA94 (EPSG:4283), always valid.';
comment on column cadastre.building.attributes is 'All other fields of the delivery, as they came.';
comment on column cadastre.building.source_dataset_id is 'The delivery this row came from.';

create table cadastre.owner_interest (
    owner_interest_id bigint generated always as identity primary key,
    parcel_id bigint not null references cadastre.parcel on delete cascade,
    party_ref text not null check (party_ref = btrim(party_ref) and party_ref <> ''),
    party_name text not null check (party_name <> ''),
    share_numerator integer not null check (share_numerator > 0),
    share_denominator integer not null check (share_denominator > 0),
    registered_on date not null,
    unique (parcel_id, party_ref),
    check (share_numerator <= share_denominator)
);
create index owner_interest_party_ref_idx on cadastre.owner_interest (party_ref);
comment on table cadastre.owner_interest is 'Who owns what share of a parcel; the shares of a parcel sum to 1.';
comment on column cadastre.owner_interest.owner_interest_id is 'Our number of the interest; it never changes and means nothing outside.';
comment on column cadastre.owner_interest.parcel_id is 'The parcel; interests go with it.';
comment on column cadastre.owner_interest.party_ref is 'The register''s number of the owner.';
comment on column cadastre.owner_interest.party_name is 'The owner''s name; personal.';
comment on column cadastre.owner_interest.share_numerator is 'The share is numerator / denominator: exact, since thirds are no decimals.';
comment on column cadastre.owner_interest.share_denominator is 'See share_numerator.';
comment on column cadastre.owner_interest.registered_on is 'The day the interest was registered.';

create table cadastre.valuation (
    valuation_id bigint generated always as identity primary key,
    parcel_id bigint not null references cadastre.parcel on delete cascade,
    valued_on date not null,
    value numeric(16, 2) not null check (value >= 0),
    method text not null check (method in ('comparison', 'income', 'cost', 'mass_appraisal')),
    unique (parcel_id, valued_on, method)
);
create index valuation_valued_on_idx on cadastre.valuation (valued_on);
comment on table cadastre.valuation is 'What a parcel was worth on a day, by a method.';
comment on column cadastre.valuation.valuation_id is 'Our number of the valuation; it never changes and means nothing outside.';
comment on column cadastre.valuation.parcel_id is 'The parcel; valuations go with it.';
comment on column cadastre.valuation.valued_on is 'The day the value is of.';
comment on column cadastre.valuation.value is 'The value, in the currency of the register.';
comment on column cadastre.valuation.method is 'How it was found: by comparison, income, cost, or mass appraisal.';

insert into cadastre.source_dataset (source_dataset_id, publisher, description, licence) values
    ('sample-addresses', 'longshore', 'Made-up addresses with coordinates', 'CC0-1.0'),
    ('sample-buildings', 'longshore', 'Made-up outlines of buildings', 'CC0-1.0');
