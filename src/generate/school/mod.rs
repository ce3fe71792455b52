//! A school: its staff and classes, a mark book with a column per subject, and a register with
//! a column per day.

mod classes;
mod marks;
mod register;
mod staff;

use super::{MadeFile, Order};
use crate::error::Result;

/// In the order in which they are loaded.
pub(super) fn generate(order: &Order) -> Result<Vec<MadeFile>> {
    Ok(vec![
        staff::staff(order)?,
        classes::subjects(order)?,
        classes::classes(order)?,
        marks::marks(order)?,
        register::register(order)?,
    ])
}
