//! The rings of an outline, as the server sends it: PostGIS's well-known binary.
//!
//! Nothing is judged here: outlines of the table may be invalid, and those of the run have been
//! judged before.

const Z_FLAG: u32 = 0x8000_0000;
const M_FLAG: u32 = 0x4000_0000;
const SRID_FLAG: u32 = 0x2000_0000;

/// Collections inside one another.
const NESTING_MAX: u32 = 32;

/// A place: x and y.
pub(super) type Xy = [f64; 2];

/// The rings of one outline, reused for the next.
#[derive(Debug, Default)]
pub(super) struct Rings {
    /// The reference system that the outline says it has, 0 where it says none.
    pub(super) srid: i32,
    corners: Vec<Xy>,
    /// Where each ring ends among the corners, and whether it is a hole.
    ends: Vec<(usize, bool)>,
}

impl Rings {
    /// Takes the rings of another outline; false where it has parts that this cannot read, such
    /// as arcs. Lines and points have none.
    pub(super) fn read(&mut self, wkb: &[u8]) -> bool {
        self.srid = 0;
        self.corners.clear();
        self.ends.clear();
        let mut reader = Reader { rest: wkb, rings: self };
        reader.geometry(0).is_some() && reader.rest.is_empty()
    }

    /// All corners, ring after ring.
    pub(super) fn corners(&self) -> &[Xy] {
        &self.corners
    }

    /// West, south, east, north; `None` where there is no corner.
    pub(super) fn sides(&self) -> Option<[f64; 4]> {
        let [x, y] = *self.corners.first()?;
        Some(self.corners.iter().fold([x, y, x, y], |[west, south, east, north], &[x, y]| {
            [west.min(x), south.min(y), east.max(x), north.max(y)]
        }))
    }

    /// Visits the sides of all rings, each from one corner to the next with what is covered on
    /// its left: whichever way a ring was drawn.
    pub(super) fn each_side(&self, mut visit: impl FnMut(Xy, Xy)) {
        let mut start = 0;
        for &(end, is_hole) in &self.ends {
            let ring = &self.corners[start..end];
            let is_turned = (twice_area(ring) < 0.0) != is_hole;
            for side in ring.windows(2).filter(|side| side[0] != side[1]) {
                match is_turned {
                    true => visit(side[1], side[0]),
                    false => visit(side[0], side[1]),
                }
            }
            start = end;
        }
    }
}

/// Twice the area of a ring, negative where it goes clockwise. From its first corner on, since
/// coordinates are large beside the ring.
fn twice_area(ring: &[Xy]) -> f64 {
    let Some(&[x, y]) = ring.first() else { return 0.0 };
    let pair = |side: &[Xy]| {
        let ([ax, ay], [bx, by]) = (side[0], side[1]);
        (ax - x) * (by - y) - (bx - x) * (ay - y)
    };
    ring.windows(2).map(pair).sum()
}

struct Reader<'b, 'r> {
    rest: &'b [u8],
    rings: &'r mut Rings,
}

#[derive(Clone, Copy)]
struct Layout {
    is_little: bool,
    /// Numbers of a position.
    dimensions: usize,
}

impl Reader<'_, '_> {
    fn geometry(&mut self, depth: u32) -> Option<()> {
        let is_little = match self.take::<1>()? {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        let mut layout = Layout { is_little, dimensions: 2 };
        let kind = self.number(layout)?;
        layout.dimensions += [Z_FLAG, M_FLAG].iter().filter(|flag| kind & **flag != 0).count();
        if kind & SRID_FLAG != 0 {
            self.rings.srid = self.number(layout)?.cast_signed();
        }
        match kind & !(Z_FLAG | M_FLAG | SRID_FLAG) {
            1 => self.skip(1, layout),
            2 => {
                let count = self.number(layout)?;
                self.skip(count, layout)
            }
            3 => {
                let rings = self.number(layout)?;
                (0..rings).try_for_each(|ring| self.ring(ring > 0, layout))
            }
            4..=7 if depth < NESTING_MAX => {
                let parts = self.number(layout)?;
                (0..parts).try_for_each(|_| self.geometry(depth + 1))
            }
            _ => None,
        }
    }

    fn ring(&mut self, is_hole: bool, layout: Layout) -> Option<()> {
        let count = usize::try_from(self.number(layout)?).ok()?;
        let length = count.checked_mul(layout.dimensions * 8)?;
        let (positions, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let ordinate = |bytes: [u8; 8]| {
            // Zero has two forms, which are one place.
            0.0 + if layout.is_little {
                f64::from_le_bytes(bytes)
            } else {
                f64::from_be_bytes(bytes)
            }
        };
        let corners = positions.chunks_exact(layout.dimensions * 8).filter_map(|position| {
            let (x, rest) = position.split_first_chunk()?;
            Some([ordinate(*x), ordinate(*rest.first_chunk()?)])
        });
        self.rings.corners.extend(corners);
        self.rings.ends.push((self.rings.corners.len(), is_hole));
        Some(())
    }

    fn skip(&mut self, positions: u32, layout: Layout) -> Option<()> {
        let length = usize::try_from(positions).ok()?.checked_mul(layout.dimensions * 8)?;
        self.rest = self.rest.split_at_checked(length)?.1;
        Some(())
    }

    fn take<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    fn number(&mut self, layout: Layout) -> Option<u32> {
        let bytes = self.take()?;
        Some(if layout.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(flags: u32, srid: Option<i32>, rings: &[&[&[f64]]]) -> Vec<u8> {
        let mut wkb = vec![1];
        wkb.extend((3 | flags).to_le_bytes());
        wkb.extend(srid.into_iter().flat_map(i32::to_le_bytes));
        wkb.extend((rings.len() as u32).to_le_bytes());
        for ring in rings {
            wkb.extend((ring.len() as u32).to_le_bytes());
            wkb.extend(ring.iter().flat_map(|at| at.iter()).flat_map(|it| it.to_le_bytes()));
        }
        wkb
    }

    fn several(kind: u32, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut wkb = vec![1];
        wkb.extend(kind.to_le_bytes());
        wkb.extend((parts.len() as u32).to_le_bytes());
        wkb.extend(parts.concat());
        wkb
    }

    const RING: &[&[f64]] = &[&[0.0, 0.0], &[4.0, 0.0], &[4.0, 4.0], &[0.0, 4.0], &[0.0, 0.0]];
    const TURNED: &[&[f64]] = &[&[0.0, 0.0], &[0.0, 4.0], &[4.0, 4.0], &[4.0, 0.0], &[0.0, 0.0]];

    fn sides(rings: &Rings) -> Vec<[Xy; 2]> {
        let mut sides = Vec::new();
        rings.each_side(|from, to| sides.push([from, to]));
        sides.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
        sides
    }

    #[test]
    fn what_is_covered_lies_left_of_a_side_whichever_way_its_ring_was_drawn() {
        let mut rings = Rings::default();
        assert!(rings.read(&polygon(0, None, &[RING])));
        let right = sides(&rings);
        assert!(right.contains(&[[0.0, 0.0], [4.0, 0.0]]), "{right:?}");
        assert!(rings.read(&polygon(0, None, &[TURNED])));
        assert_eq!(sides(&rings), right);
        // A hole has it on the other side.
        assert!(rings.read(&polygon(0, None, &[&[], RING])));
        assert!(sides(&rings).contains(&[[4.0, 0.0], [0.0, 0.0]]));
        assert!(rings.read(&polygon(0, None, &[&[], TURNED])));
        assert!(sides(&rings).contains(&[[4.0, 0.0], [0.0, 0.0]]));
        assert_eq!(rings.sides(), Some([0.0, 0.0, 4.0, 4.0]));
    }

    #[test]
    fn heights_and_reference_systems_are_read_over_and_parts_followed() {
        let mut rings = Rings::default();
        let high: &[&[f64]] = &[&[1.0, 2.0, 9.0], &[3.0, -0.0, 9.0], &[1.0, 2.0, 9.0]];
        assert!(rings.read(&polygon(Z_FLAG | SRID_FLAG, Some(4283), &[high])));
        assert_eq!(
            (rings.srid, rings.corners()),
            (4283, &[[1.0, 2.0], [3.0, 0.0], [1.0, 2.0]][..])
        );
        assert!(rings.corners()[1][1].is_sign_positive());
        let point = [&[1, 1, 0, 0, 0][..], &[0; 16]].concat();
        let mixed = several(7, &[point, several(6, &[polygon(0, None, &[RING])])]);
        assert!(rings.read(&mixed));
        assert_eq!((rings.srid, rings.corners().len()), (0, 5));
    }

    #[test]
    fn what_cannot_be_read_is_said_so_and_costs_nothing() {
        let mut rings = Rings::default();
        let whole = polygon(0, None, &[RING]);
        for length in 0..whole.len() {
            assert!(!rings.read(&whole[..length]), "{length}");
        }
        assert!(!rings.read(&[&whole[..], &[0]].concat()));
        assert!(!rings.read(&several(10, &[whole])));
        let many = [&[1, 3, 0, 0, 0, 1, 0, 0, 0][..], &[0xff; 4]].concat();
        assert!(!rings.read(&many));
        let deep = (0..100).fold(polygon(0, None, &[RING]), |inner, _| several(7, &[inner]));
        assert!(!rings.read(&deep));
    }
}
