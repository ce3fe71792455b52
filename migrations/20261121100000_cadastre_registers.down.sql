drop table cadastre.valuation;
drop table cadastre.owner_interest;
drop table cadastre.building;
drop table cadastre.address;
delete from cadastre.source_dataset where source_dataset_id in ('sample-addresses', 'sample-buildings');
