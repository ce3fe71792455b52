//! Finds outlines whose boxes have something in common, by a line that sweeps from west to east.
//!
//! Outlines come sorted by where they begin. Those that the line has not left yet are kept by
//! their south side, in levels by height: whoever meets a new one is found among neighbours in
//! that order. The work grows with the outlines and the pairs that meet, whatever their sizes;
//! what is kept are the outlines below the line. To ask a spatial index for each of 300,000
//! parcels took 6 s of the server's processor time, and as long again to count pairs before.
//!
//! Most pairs are neighbours that share a side. A line along a side that has all corners of one
//! outline on its left and those of the other on its right proves that they share nothing, or
//! no more than a strip below the tolerance; only other pairs have to be intersected.

use std::collections::{BTreeMap, HashMap};

/// Fewer than so many outlines need not be looked through for those that the line has left.
const PRUNED_MIN: usize = 1024;

/// An outline as far as the sweep knows it. Units are the geometry column's.
#[derive(Debug, Clone, Default)]
pub(super) struct Outline {
    /// Its number in the table of what is compared.
    pub(super) number: i64,
    /// Outlines of different groups do not meet.
    pub(super) group: i64,
    /// West, south, east, north.
    pub(super) sides: [f64; 4],
    /// Its corners, where they are few.
    pub(super) corners: Vec<[f64; 2]>,
}

/// Pairs may share this much before they matter, and how many may meet at all.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The area that two may share, in square units of the geometry column.
    tolerance: f64,
    met: u64,
    /// Pairs that may meet: so many, and so many for each outline.
    met_max: (u64, u64),
    taken: u64,
    groups: HashMap<i64, Below>,
}

/// More pairs meet than may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Sweep {
    pub(super) fn new(tolerance: f64, met_max: (u64, u64)) -> Self {
        Self { tolerance, met: 0, met_max, taken: 0, groups: HashMap::new() }
    }

    /// Takes the next outline from the west, and adds the pairs that may share more than is
    /// tolerated, as numbers. Rows of the table (below 0) are not paired with one another.
    pub(super) fn take(
        &mut self,
        outline: Outline,
        found: &mut Vec<(i64, i64)>,
    ) -> Result<(), TooMany> {
        self.taken += 1;
        let below = self.groups.entry(outline.group).or_default();
        let (met, left) = (&mut self.met, self.met_max.0 + self.met_max.1 * self.taken);
        let tolerance = self.tolerance;
        below.meet(&outline, |other| {
            *met += 1;
            let both_stay = outline.number < 0 && other.number < 0;
            if !both_stay && may_share(&outline, other, tolerance) {
                found.push((outline.number, other.number));
            }
            *met <= left
        })?;
        below.add(outline);
        Ok(())
    }
}

/// The outlines of a group that the line has not left.
#[derive(Debug, Default)]
struct Below {
    /// By the power of two that their height does not exceed, then by south side and number.
    levels: BTreeMap<i32, BTreeMap<(u64, i64), Outline>>,
    count: usize,
    count_pruned: usize,
}

impl Below {
    /// Visits whoever meets an outline, until told to stop.
    fn meet(
        &mut self,
        outline: &Outline,
        mut visit: impl FnMut(&Outline) -> bool,
    ) -> Result<(), TooMany> {
        let [west, south, _, north] = outline.sides;
        let mut left = Vec::new();
        for (&level, outlines) in &mut self.levels {
            let from = (ordered(south - 2f64.powi(level)), i64::MIN);
            let to = (ordered(north), i64::MAX);
            for (key, other) in outlines.range(from..=to) {
                if other.sides[2] < west {
                    left.push(*key);
                } else if other.sides[3] >= south && !visit(other) {
                    return Err(TooMany);
                }
            }
            for key in left.drain(..) {
                outlines.remove(&key);
                self.count -= 1;
            }
        }
        Ok(())
    }

    fn add(&mut self, outline: Outline) {
        let [west, south, _, north] = outline.sides;
        if self.count > PRUNED_MIN.max(2 * self.count_pruned) {
            for outlines in self.levels.values_mut() {
                outlines.retain(|_, other| other.sides[2] >= west);
            }
            self.levels.retain(|_, outlines| !outlines.is_empty());
            self.count = self.levels.values().map(BTreeMap::len).sum();
            self.count_pruned = self.count;
        }
        let key = (ordered(south), outline.number);
        self.levels.entry(level(north - south)).or_default().insert(key, outline);
        self.count += 1;
    }
}

/// The power of two that a height does not exceed.
fn level(height: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of f64 is below 1025")]
    let level = height.log2().ceil() as i32;
    // A point has the logarithm of 0, minus infinity.
    level.clamp(-100, 1023)
}

/// A number whose order is that of the floats.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Whether outlines whose boxes meet may share more than is tolerated.
fn may_share(one: &Outline, other: &Outline, tolerance: f64) -> bool {
    let [a, b] = [one.sides, other.sides];
    let width = a[2].min(b[2]) - a[0].max(b[0]);
    let height = a[3].min(b[3]) - a[1].max(b[1]);
    if width * height <= tolerance {
        return false;
    }
    // A strip across the common box, this much to either side of a line, is within the tolerance.
    let strip = tolerance / (2.0 * width.hypot(height));
    !(is_parted(&one.corners, &other.corners, strip)
        || is_parted(&other.corners, &one.corners, strip))
}

/// Whether a side of one outline has the corners of both on different sides, a strip aside.
fn is_parted(one: &[[f64; 2]], other: &[[f64; 2]], strip: f64) -> bool {
    if one.is_empty() || other.is_empty() {
        return false;
    }
    one.windows(2).any(|side| {
        let (dx, dy) = (side[1][0] - side[0][0], side[1][1] - side[0][1]);
        let reach = strip * dx.hypot(dy);
        // Positive on the left of the side.
        let away =
            |corner: &[f64; 2]| dx * (corner[1] - side[0][1]) - dy * (corner[0] - side[0][0]);
        if reach.is_nan() || dx.hypot(dy) <= 0.0 {
            return false;
        }
        let all =
            |corners: &[[f64; 2]], left: f64| corners.iter().all(|it| left * away(it) >= -reach);
        (all(one, 1.0) && all(other, -1.0)) || (all(one, -1.0) && all(other, 1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(number: i64, sides: [f64; 4]) -> Outline {
        Outline { number, sides, ..Outline::default() }
    }

    fn lot(number: i64, corners: Vec<[f64; 2]>) -> Outline {
        let of = |at: usize| corners.iter().map(move |corner| corner[at]);
        let least = |at| of(at).fold(f64::INFINITY, f64::min);
        let most = |at| of(at).fold(f64::NEG_INFINITY, f64::max);
        let sides = [least(0), least(1), most(0), most(1)];
        Outline { number, group: 0, sides, corners }
    }

    fn swept(mut outlines: Vec<Outline>, tolerance: f64) -> Vec<(i64, i64)> {
        outlines.sort_by(|a, b| a.sides[0].total_cmp(&b.sides[0]));
        let (mut sweep, mut found) = (Sweep::new(tolerance, (u64::MAX, 0)), Vec::new());
        for outline in outlines {
            sweep.take(outline, &mut found).expect("few");
        }
        let mut found: Vec<(i64, i64)> =
            found.into_iter().map(|(a, b)| (a.max(b), a.min(b))).collect();
        found.sort_unstable();
        found
    }

    /// Boxes of very different sizes, found as by comparing each with each.
    #[test]
    fn every_pair_that_meets_is_found_once() {
        let mut state = 7u64;
        let mut chance = |below: f64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 53) as f64 * below
        };
        let outlines: Vec<Outline> = (1..=3000)
            .map(|number| {
                let size = [0.01, 1.0, 1.0, 40.0][number as usize % 4];
                let (x, y) = (chance(100.0) - 50.0, chance(100.0) - 50.0);
                boxed(number, [x, y, x + chance(size), y + chance(size)])
            })
            .collect();
        let mut expected = Vec::new();
        for (at, a) in outlines.iter().enumerate() {
            for b in &outlines[..at] {
                let width = a.sides[2].min(b.sides[2]) - a.sides[0].max(b.sides[0]);
                let height = a.sides[3].min(b.sides[3]) - a.sides[1].max(b.sides[1]);
                if width > 0.0 && height > 0.0 {
                    expected.push((a.number, b.number));
                }
            }
        }
        expected.sort_unstable();
        assert!(expected.len() > 1000);
        assert_eq!(swept(outlines, 0.0), expected);
    }

    #[test]
    fn neighbours_along_a_slanting_side_are_parted_and_those_that_cross_it_are_not() {
        let west = vec![[0.0, 0.0], [10.0, 0.0], [14.0, 30.0], [4.0, 30.0], [0.0, 0.0]];
        let east = vec![[10.0, 0.0], [20.0, 0.0], [24.0, 30.0], [14.0, 30.0], [10.0, 0.0]];
        let wider = vec![[9.0, 0.0], [20.0, 0.0], [24.0, 30.0], [13.0, 30.0], [9.0, 0.0]];
        assert_eq!(swept(vec![lot(1, west.clone()), lot(2, east.clone())], 1.0), []);
        assert_eq!(swept(vec![lot(1, west.clone()), lot(2, wider.clone())], 1.0), [(2, 1)]);
        // Less than 1 × 30 is shared.
        assert_eq!(swept(vec![lot(1, west.clone()), lot(2, wider)], 100.0), []);
        // Without corners nothing is known but the boxes.
        let unknown = Outline { corners: Vec::new(), ..lot(2, east) };
        assert_eq!(swept(vec![lot(1, west), unknown], 1.0), [(2, 1)]);
    }

    #[test]
    fn groups_do_not_meet_and_rows_of_the_table_are_not_paired() {
        let sides = [0.0, 0.0, 10.0, 10.0];
        let other = Outline { group: 1, ..boxed(3, sides) };
        let outlines =
            vec![boxed(1, sides), boxed(2, sides), other, boxed(-1, sides), boxed(-2, sides)];
        assert_eq!(swept(outlines, 1.0), [(1, -2), (1, -1), (2, -2), (2, -1), (2, 1)]);
    }

    #[test]
    fn more_pairs_than_may_meet_end_the_sweep() {
        let (mut sweep, mut found) = (Sweep::new(1.0, (0, 1)), Vec::new());
        let mut take = |number| sweep.take(boxed(number, [0.0, 0.0, 1.0, 1.0]), &mut found);
        assert_eq!((take(1), take(2), take(3)), (Ok(()), Ok(()), Ok(())));
        assert_eq!(take(4), Err(TooMany));
    }
}
