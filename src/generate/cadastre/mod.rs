//! Land: a register of lots, planning zones, a municipality that is one grid of parcels with
//! what is said of them, and a county's bundle.

mod county;
mod grid;
mod lots;
mod outlines;
mod parcels;
mod registers;
mod shapefile;
mod zones;

use grid::Grid;

use super::{MadeFile, Order};
use crate::error::Result;

/// In the order in which they are loaded.
pub(super) fn generate(order: &Order) -> Result<Vec<MadeFile>> {
    let grid = Grid::new(order, (151.3, -33.2), 700_000, parcels::ALL);
    Ok(vec![
        lots::lots(order)?,
        zones::zones(order)?,
        parcels::parcels(order, &grid)?,
        parcels::changes(order, &grid)?,
        registers::addresses(order, &grid)?,
        registers::owners(order, &grid)?,
        registers::valuations(order, &grid)?,
        county::county(order)?,
    ])
}
