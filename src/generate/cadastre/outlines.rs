//! What is wrong with outlines where none is repaired.

use super::{
    super::{Fault, Row, plan::Found},
    grid::{GAP, OVERLAP},
};

/// Faults of an outline by itself.
pub(super) const OUTLINES: &[Fault<Row>] = &[
    Fault::new("bow-tie", "geometry.self_intersection", |row, _| row.reshape(|it| it.cross())),
    Fault::new("ring-open", "geometry.ring_open", |row, _| row.reshape(|it| it.open())),
    Fault::new("no-area", "geometry.self_intersection", |row, _| row.reshape(|it| it.flatten())),
    Fault::new("spike", "geometry.self_intersection", |row, _| row.reshape(|it| it.spike())),
    Fault::new("hole-outside", "geometry.hole_outside", |row, _| {
        row.reshape(|it| it.put_hole_outside());
    }),
    Fault::new("part-twice", "geometry.parts_overlap", |row, _| row.reshape(|it| it.double())),
    Fault::new("axes-swapped", "geometry.degrees", |row, _| row.reshape(|it| it.swap_axes())),
    Fault::new("far-away", "geometry.bounds", |row, _| row.reshape(|it| it.move_away())),
    Fault::new("not-a-number", "geometry.malformed", |row, _| row.reshape(|it| it.lose_number())),
    Fault::new("point", "geometry.kind", |row, _| row.reshape(|it| it.become_point())),
    Fault::new("line", "geometry.kind", |row, _| row.reshape(|it| it.become_line())),
    Fault::new("empty-outline", "geometry.empty", |row, _| row.reshape(|it| it.become_empty())),
    Fault::new("with-height", "geometry.dimension", |row, _| row.reshape(|it| it.gain_height())),
    Fault::new("no-outline", "rule.not_null", |row, _| row.set_shape_text("")),
    Fault::new("outline-in-words", "geometry.malformed", |row, _| {
        row.set_shape_text("beside the river");
    }),
];

/// Where the declared area stands: it follows the outline, so that nothing else is wrong.
const AREA: usize = 1;

fn lie_on_neighbour(row: &mut Row) {
    row.reshape(|it| it.widen(0.1));
    row.set(AREA, "660.0");
}

/// Faults of neighbours, of which a run only warns.
pub(super) const WARNED_NEIGHBOURS: &[Fault<Row>] = &[
    Fault::found(OVERLAP, Found::Warned("rule.overlap"), |row, _| lie_on_neighbour(row)),
    Fault::found(GAP, Found::Warned("rule.gap"), |row, _| {
        row.reshape(|it| it.widen(-0.05));
        row.set(AREA, "570.0");
    }),
];

/// Faults of neighbours where the later of the two is rejected: the one that is sound.
pub(super) const REJECTED_NEIGHBOURS: &[Fault<Row>] =
    &[Fault::found(OVERLAP, Found::Rejected("rule.overlap"), |row, _| lie_on_neighbour(row))];
