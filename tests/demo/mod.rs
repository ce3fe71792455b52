//! What a newcomer loads in the first minute: the shipped migrations, pipelines and data.

mod generated;
mod least_privilege;
mod loads;
mod migrations;
mod reports;
mod roster;
