drop table property.sale;
drop type property.tenure;
drop type property.property_type;
drop schema property;
