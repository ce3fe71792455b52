//! Areas, by the `geo` crate: how much a repair changes is what the pipeline limits.

use geo::{Area, Coord, LineString, Polygon};

use super::{Path, Shape};

/// The area as `ST_Area` counts it for any geometry, valid or not: shells less holes, each by
/// its own shoelace sum, in the square of the coordinates' unit. Open rings count as closed.
pub(in super::super) fn area(shape: &Shape<'_>) -> f64 {
    match shape {
        Shape::Point(_) | Shape::LineString(_) => 0.0,
        Shape::Polygon(rings) => polygon(rings),
        Shape::Multi(_, parts) => parts.iter().map(area).sum(),
    }
}

/// Below zero where the holes are larger than the shell.
fn polygon(rings: &[Path<'_>]) -> f64 {
    // `geo` closes open rings, and takes coordinates relative to the first, which keeps digits.
    let mut areas = rings.iter().map(|ring| Polygon::new(line(ring), Vec::new()).unsigned_area());
    areas.next().unwrap_or(0.0) - areas.sum::<f64>()
}

fn line(ring: &Path<'_>) -> LineString {
    ring.xy.iter().map(|xy| Coord { x: xy.x, y: xy.y }).collect()
}

#[cfg(test)]
mod tests {
    use bumpalo::{Bump, collections::Vec as ArenaVec};

    use super::*;
    use crate::transform::geometry::shape::Xy;

    #[test]
    fn holes_are_taken_off_whichever_way_they_turn() {
        let arena = Bump::new();
        let ring = |corners: &[(f64, f64)]| {
            let positions =
                corners.iter().map(|(x, y)| Xy { x: x + 300_000.0, y: y + 6_250_000.0 });
            Path::flat(ArenaVec::from_iter_in(positions, &arena).into_bump_slice_mut())
        };
        let shell = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0)];
        let open_hole = [(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0)];
        let rings = [ring(&shell), ring(&open_hole)];
        let shape = Shape::Polygon(ArenaVec::from_iter_in(rings, &arena));
        assert!((area(&shape) - 15.0).abs() < 1e-9);
    }
}
