//! From a decoded record to typed, checked values.

pub mod parse;
