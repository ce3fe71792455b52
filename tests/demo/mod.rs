//! What a newcomer loads in the first minute: the shipped migrations, pipelines and data.

mod loads;
mod migrations;
