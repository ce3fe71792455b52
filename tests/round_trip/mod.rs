//! Text → `Parser` → binary COPY → text, held against the server's own reading.
//!
//! The server is the oracle in both directions: what both accept has to be the
//! same value, and what the server refuses we refuse, since COPY would break on
//! it. Where we are stricter on purpose the case is listed with its reason, and
//! where we read more than the server the value expected is listed too.

mod arrays;
mod formats;
mod numbers;
mod oracle;
mod random;
mod times;
mod wide;
mod words;
