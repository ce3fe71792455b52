drop table property.property;
drop function property.current_tenant();
drop table property.tenant;
