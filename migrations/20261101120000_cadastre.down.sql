-- The extensions stay: what else uses them in this database is not known here.

drop table cadastre.planning_zone;
drop table cadastre.parcel;
drop table cadastre.source_dataset;
drop schema cadastre;
