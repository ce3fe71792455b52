//! Parcels as one grid, neighbours sharing their sides exactly.

use super::super::{Fault, FaultPlan, Order, Row, plan::Found, random::Random, shape::Shape};

/// Degrees of a metre east and north.
const METRE: (f64, f64) = (1.0 / 93_180.0, 1.0 / 110_908.0);
/// Metres of a parcel.
const SIZE: (f64, f64) = (20.0, 30.0);

/// Two metres too wide: it lies on its neighbour, a tenth of its width.
pub(super) const OVERLAP: &str = "overlap";
/// A metre too narrow: there is a strip that is nobody's.
pub(super) const GAP: &str = "gap";

/// A grid, with what is wrong where.
pub(super) struct Grid {
    pub(super) rows: u64,
    columns: u64,
    seed: u64,
    /// Degrees of the south-west corner.
    origin: (f64, f64),
    first_plan: u64,
    faults: FaultPlan<Row>,
}

impl Grid {
    pub(super) fn new(
        order: &Order,
        origin: (f64, f64),
        first_plan: u64,
        faults: &[&'static [Fault<Row>]],
    ) -> Self {
        Self {
            rows: order.rows,
            columns: order.rows.isqrt().max(1),
            seed: order.seed,
            origin,
            first_plan,
            faults: FaultPlan::new(&order.faults, faults),
        }
    }

    /// Whether a parcel, which has to exist, is loaded as it ought to be.
    fn is_sound(&self, place: Option<u64>) -> bool {
        place.is_some_and(|place| {
            place < self.rows && self.faults.at(place).is_none() && !self.is_contradicted(place)
        })
    }

    /// Whether the next record has its number and says something else.
    fn is_contradicted(&self, place: u64) -> bool {
        let next = self.faults.at(place + 1).filter(|_| place + 1 < self.rows);
        next.is_some_and(|fault| fault.found == Found::Conflict)
    }

    /// The parcel east of another.
    pub(super) fn beside(&self, place: u64) -> Option<u64> {
        Some(place + 1).filter(|_| place % self.columns < self.columns - 1)
    }

    /// The fault, where its surroundings let it be what it is meant to be.
    pub(super) fn fault(&self, place: u64) -> Option<&'static Fault<Row>> {
        let fault = self.faults.at(place)?;
        let beside = self.beside(place);
        let around = [beside, Some(place + self.columns), place.checked_sub(self.columns)];
        let is_possible = match fault.name {
            OVERLAP => self.is_sound(beside),
            GAP => around.iter().all(|at| self.is_sound(*at)),
            _ => true,
        };
        is_possible.then_some(fault)
    }

    /// Whether a parcel is surely in the table after its file was loaded.
    pub(super) fn is_loaded(&self, place: u64) -> bool {
        let is_lost = |fault: &Fault<Row>| {
            !matches!(fault.found, Found::Warned(_) | Found::FileWarned(_) | Found::Repaired)
        };
        // Of two that lie on each other, the later one gives way.
        let is_under = place
            .checked_sub(1)
            .and_then(|west| self.fault(west))
            .is_some_and(|fault| fault.is(OVERLAP) && !matches!(fault.found, Found::Warned(_)));
        !self.fault(place).is_some_and(is_lost) && !is_under && !self.is_contradicted(place)
    }

    /// Whether nothing at all is wrong with a parcel and those on both sides.
    pub(super) fn is_at_peace(&self, place: u64) -> bool {
        let west = place.checked_sub(1);
        self.is_sound(Some(place)) && self.is_sound(self.beside(place)) && self.is_sound(west)
    }

    /// Degrees of a corner by metres from the parcel's own south-west one.
    #[expect(clippy::cast_precision_loss, reason = "grids are far smaller than 2^53")]
    pub(super) fn degrees(&self, place: u64, (x, y): (f64, f64)) -> (f64, f64) {
        let (column, row) = ((place % self.columns) as f64, (place / self.columns) as f64);
        let (x, y) = (column * SIZE.0 + x, row * SIZE.1 + y);
        (self.origin.0 + x * METRE.0, self.origin.1 + y * METRE.1)
    }

    /// The outline between two shares of the parcel's depth.
    pub(super) fn slice(&self, place: u64, from: f64, to: f64) -> Shape {
        let corner = |x: f64, share: f64| self.degrees(place, (x, share * SIZE.1));
        Shape::rectangle(corner(0.0, from), corner(SIZE.0, to))
    }

    /// One parcel in seven is written as one of many.
    pub(super) fn shape(&self, place: u64) -> Shape {
        let shape = self.slice(place, 0.0, 1.0);
        if place % 7 == 3 { shape.multiple() } else { shape }
    }

    /// Square metres between two shares of the depth.
    pub(super) fn area(share: f64) -> String {
        format!("{:.1}", SIZE.0 * SIZE.1 * share)
    }

    /// How a parcel is called.
    pub(super) fn lot(&self, place: u64) -> String {
        format!("{}//DP{}", place % 50 + 1, self.first_plan + place / 50)
    }

    /// How a part of a parcel is called.
    pub(super) fn part(&self, place: u64, part: char) -> String {
        format!("{}/{part}/DP{}", place % 50 + 1, self.first_plan + place / 50)
    }

    /// Chance of a parcel's own, for one purpose.
    pub(super) fn random(&self, purpose: u64, place: u64) -> Random {
        Random::new(self.seed ^ purpose, place)
    }
}
