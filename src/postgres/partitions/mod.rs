//! Range-partitioned targets: partitions made where rows need one, and only those read that rows
//! can be in.

mod describe;
mod make;
mod touched;

pub use describe::{Described, describe};
pub(super) use make::{condition, make, make_inside, missing};
pub(super) use touched::touched;

use crate::load::Every;

impl Every {
    /// The word of `date_trunc` and of intervals.
    fn unit(self) -> &'static str {
        match self {
            Every::Day => "day",
            Every::Month => "month",
            Every::Year => "year",
        }
    }

    /// What a partition's name ends in, for `to_char`.
    fn suffix(self) -> &'static str {
        match self {
            Every::Day => "_YYYY_MM_DD",
            Every::Month => "_YYYY_MM",
            Every::Year => "_YYYY",
        }
    }
}
