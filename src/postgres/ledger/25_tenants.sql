create table longshore.tenant (
    run_id text primary key references longshore.run on delete cascade,
    setting text not null,
    value text not null
);
comment on table longshore.tenant is 'Whose rows a run was for, where row-level security keeps tenants apart.';
comment on column longshore.tenant.run_id is 'The run.';
comment on column longshore.tenant.setting is 'The setting that the tables'' policies read.';
comment on column longshore.tenant.value is 'The tenant.';
