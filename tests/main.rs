//! Everything that needs more than one module: one binary, one embedded cluster.

mod real_files;
