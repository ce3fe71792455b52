//! From a source's cell to the value its column holds.

pub mod geometry;
