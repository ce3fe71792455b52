//! What is left of all sides when those are taken out that two outlines share: the rim of what
//! is covered.
//!
//! Each side goes with what is covered on its left, so a side that two outlines share stands
//! there once in each direction, and cancels. What is left bounds what is covered, as often as
//! it is covered: two outlines on one another leave each side twice. Outlines come from west to
//! east, and what lies west of the next can no longer be shared, so no more is held than the
//! line from south to north crosses.

use hashbrown::HashMap;

use super::rings::Xy;

/// Fewer sides than so many need not be looked through for those that the line has left.
const PRUNED_MIN: usize = 4096;

/// A side of the rim: it has more outlines on one of its sides than on the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Side {
    /// What outlines share that are looked at together.
    pub(super) group: i64,
    /// The end that is further west, of two as far west the one further south.
    pub(super) from: Xy,
    /// The other end.
    pub(super) to: Xy,
    /// How many more outlines lie on its left than on its right.
    pub(super) surplus: i32,
    /// The number of one of the outlines that have it: the greatest.
    pub(super) number: i64,
}

/// The sides that may yet be shared.
#[derive(Debug, Default)]
pub(super) struct Rim {
    /// By group and ends, as bits.
    open: HashMap<(i64, [u64; 4]), (i32, i64)>,
    count_pruned: usize,
}

impl Rim {
    /// Takes a side of an outline that has what it covers on the left. Rows of the table may have
    /// corners that are nowhere.
    pub(super) fn take(&mut self, (number, group): (i64, i64), from: Xy, to: Xy) {
        if from.iter().chain(&to).any(|ordinate| !ordinate.is_finite()) {
            return;
        }
        let is_forward = from < to;
        let [a, b] = if is_forward { [from, to] } else { [to, from] };
        let key = (group, [a[0], a[1], b[0], b[1]].map(f64::to_bits));
        let entry = self.open.entry(key).or_insert((0, i64::MIN));
        entry.0 += if is_forward { 1 } else { -1 };
        entry.1 = entry.1.max(number);
        if entry.0 == 0 {
            self.open.remove(&key);
        }
    }

    /// Gives away the sides that lie west of all outlines to come, now and then.
    pub(super) fn prune(&mut self, west: f64, rim: &mut Vec<Side>) {
        if self.open.len() > PRUNED_MIN.max(2 * self.count_pruned) {
            let left = self.open.extract_if(|(_, ends), _| f64::from_bits(ends[2]) < west);
            rim.extend(left.map(side));
            self.count_pruned = self.open.len();
        }
    }

    /// Gives away what is left.
    pub(super) fn end(self, rim: &mut Vec<Side>) {
        rim.extend(self.open.into_iter().map(side));
    }
}

fn side(((group, ends), (surplus, number)): ((i64, [u64; 4]), (i32, i64))) -> Side {
    let [ax, ay, bx, by] = ends.map(f64::from_bits);
    Side { group, from: [ax, ay], to: [bx, by], surplus, number }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grid of squares from west to east, the rim of which is its frame.
    fn rim_of_grid(columns: i64, rows: i64) -> (Vec<Side>, usize) {
        let (mut rim, mut sides, mut held) = (Rim::default(), Vec::new(), 0);
        for number in 0..columns * rows {
            let (x, y) = ((number / rows) as f64, (number % rows) as f64);
            rim.prune(x, &mut sides);
            let ring = [[x, y], [x + 1.0, y], [x + 1.0, y + 1.0], [x, y + 1.0], [x, y]];
            for side in ring.windows(2) {
                rim.take((number, 0), side[0], side[1]);
            }
            held = held.max(rim.open.len());
        }
        rim.end(&mut sides);
        (sides, held)
    }

    #[test]
    fn shared_sides_cancel_and_the_frame_is_left() {
        let (sides, _) = rim_of_grid(30, 20);
        assert_eq!(sides.len(), 100);
        let south: Vec<&Side> = sides.iter().filter(|it| it.from[1] + it.to[1] == 0.0).collect();
        assert_eq!((south.len(), south[0].surplus), (30, 1));
        let north: Vec<&Side> = sides.iter().filter(|it| it.from[1] + it.to[1] == 40.0).collect();
        assert_eq!((north.len(), north[0].surplus), (30, -1));
    }

    #[test]
    fn what_is_held_does_not_grow_with_the_outlines() {
        let (sides, held) = rim_of_grid(1000, 50);
        assert_eq!(sides.len(), 2100);
        // Without pruning there would be the frame so far: some 2,000 beside the line's 100. The
        // first look is at 4,096 sides, which a grid this narrow never has.
        assert!(held < 4096, "{held}");
        let (sides, held) = rim_of_grid(20_000, 2);
        assert_eq!(sides.len(), 40_004);
        assert!(held <= 4096 + 8, "{held}");
    }

    #[test]
    fn a_side_is_of_its_group_and_stands_as_often_as_it_is_left() {
        let (mut rim, mut sides) = (Rim::default(), Vec::new());
        let (a, b) = ([0.0, 0.0], [0.0, 1.0]);
        rim.take((1, 7), a, b);
        rim.take((2, 7), a, b);
        rim.take((-3, 8), b, a);
        rim.end(&mut sides);
        sides.sort_by_key(|side| side.group);
        let expected = [
            Side { group: 7, from: a, to: b, surplus: 2, number: 2 },
            Side { group: 8, from: a, to: b, surplus: -1, number: -3 },
        ];
        assert_eq!(sides, expected);
    }
}
