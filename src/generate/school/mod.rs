//! A school: its staff and classes, a mark book with a column per subject, a register with a
//! column per day, its students as a workbook and as a flat roster, and the roster bundles.

mod classes;
mod marks;
mod oneroster;
mod people;
mod register;
mod roster;
mod sds;
mod staff;
mod students;

use super::{MadeFile, Order};
use crate::error::Result;

/// In the order in which they are loaded.
pub(super) fn generate(order: &Order) -> Result<Vec<MadeFile>> {
    let mut made = vec![
        staff::staff(order)?,
        classes::subjects(order)?,
        classes::classes(order)?,
        marks::marks(order)?,
        register::register(order)?,
        students::students(order)?,
        roster::roster(order)?,
    ];
    made.extend(oneroster::oneroster(order)?);
    made.push(sds::sds(order)?);
    Ok(made)
}
