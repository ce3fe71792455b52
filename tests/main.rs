//! Everything that needs more than one module: one binary, one embedded cluster.

mod definitions;
