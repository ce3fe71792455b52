//! The plan of a town: blocks of lots between gently curved streets.
//!
//! Lots are drawn on a straight grid and bent afterwards, so that neighbours
//! share their corners exactly, as in a real cadastre.

use crate::random::Random;

/// Where the town's south-west corner is, in degrees: in the forests north-west of Sydney.
const ORIGIN: (f64, f64) = (151.05, -33.05);

/// Metres in a degree of longitude and of latitude there.
const DEGREE_METRES: (f64, f64) = (93_380.0, 110_905.0);

const LOTS_ALONG: usize = 8;
const BLOCK_WIDTH: f64 = 144.0;
const LOT_DEPTH: f64 = 35.0;
const STREET_WIDTH: f64 = 16.0;
/// What is cut off a corner where two streets meet.
const SPLAY: f64 = 3.0;

/// Lots of an ordinary block.
pub(crate) const BLOCK_LOTS: u64 = 2 * LOTS_ALONG as u64;

/// A position on the grid, in metres.
pub(crate) type Position = (f64, f64);

/// A lot on the grid: its rings, closed, the first around it anticlockwise.
#[derive(Debug, Clone)]
pub(crate) struct Lot {
    pub(crate) number: u64,
    pub(crate) plan: u64,
    pub(crate) rings: Vec<Vec<Position>>,
}

/// A town of so many columns of blocks; it grows northwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Town {
    pub(crate) columns: u64,
    pub(crate) seed: u64,
}

impl Town {
    /// The lots of a block in order.
    pub(crate) fn block(&self, block: u64) -> Vec<Lot> {
        let mut random = Random::new(self.seed, block + 1);
        let corner = self.corner(block);
        let sides = sides(corner.0, &mut random);
        let lot = |index: usize, ring: Vec<Position>| Lot {
            number: index as u64 + 1,
            plan: plan(block),
            rings: vec![ring],
        };
        let south = (0..LOTS_ALONG).map(|at| lot(at, lot_ring(&sides, at, corner.1, LOT_DEPTH)));
        let north_street = corner.1 + 2.0 * LOT_DEPTH;
        let north = (0..LOTS_ALONG)
            .map(|at| lot(at + LOTS_ALONG, lot_ring(&sides, at, north_street, -LOT_DEPTH)));
        south.chain(north).collect()
    }

    /// A block that is one reserve, with the lot of a pumping station inside it.
    pub(crate) fn reserve(&self, block: u64) -> Vec<Lot> {
        let (u, v) = self.corner(block);
        let (width, depth) = (BLOCK_WIDTH, 2.0 * LOT_DEPTH);
        let outer = rectangle(u, v, u + width, v + depth);
        let inner = rectangle(u + 60.0, v + 25.0, u + 84.0, v + 45.0);
        let mut hole = inner.clone();
        hole.reverse();
        let plan = plan(block);
        vec![
            Lot { number: 1, plan, rings: vec![outer, hole] },
            Lot { number: 2, plan, rings: vec![inner] },
        ]
    }

    fn corner(&self, block: u64) -> Position {
        let (column, row) = (block % self.columns, block / self.columns);
        let pitch = (BLOCK_WIDTH + STREET_WIDTH, 2.0 * LOT_DEPTH + STREET_WIDTH);
        (column as f64 * pitch.0, row as f64 * pitch.1)
    }

    /// How far a town of so many rows of blocks reaches, in metres.
    pub(crate) fn extent(&self, rows: u64) -> Position {
        let end = self.corner(self.columns * rows);
        (self.columns as f64 * (BLOCK_WIDTH + STREET_WIDTH), end.1)
    }
}

/// The number of a block's deposited plan.
pub(crate) fn plan(block: u64) -> u64 {
    300_417 + 3 * block
}

/// How a lot is called.
pub(crate) fn lot_name(number: u64, plan: u64) -> String {
    format!("{number}//DP{plan}")
}

/// Where the lots of a block meet: widths between 14 and 22 metres.
fn sides(start: f64, random: &mut Random) -> [f64; LOTS_ALONG + 1] {
    let widths: Vec<f64> = (0..LOTS_ALONG).map(|_| 14.0 + 8.0 * random.fraction()).collect();
    let scale = BLOCK_WIDTH / widths.iter().sum::<f64>();
    let mut sides = [start; LOTS_ALONG + 1];
    for at in 0..LOTS_ALONG {
        sides[at + 1] = sides[at] + widths[at] * scale;
    }
    sides[LOTS_ALONG] = start + BLOCK_WIDTH;
    sides
}

/// The ring of a lot whose street is at `street` and whose back is `depth` away.
fn lot_ring(sides: &[f64], at: usize, street: f64, depth: f64) -> Vec<Position> {
    let (left, right, back) = (sides[at], sides[at + 1], street + depth);
    let middle = f64::midpoint(left, right);
    let splay = SPLAY * depth.signum();
    let mut ring = Vec::with_capacity(9);
    if at == 0 {
        ring.extend([(left, street + splay), (left + SPLAY, street)]);
    } else {
        ring.push((left, street));
    }
    ring.push((middle, street));
    if at == LOTS_ALONG - 1 {
        ring.extend([(right - SPLAY, street), (right, street + splay)]);
    } else {
        ring.push((right, street));
    }
    ring.extend([(right, back), (middle, back), (left, back)]);
    ring.push(ring[0]);
    if depth < 0.0 {
        ring.reverse();
    }
    ring
}

/// A rectangle with points along its sides, so that it bends with the streets.
pub(crate) fn rectangle(left: f64, bottom: f64, right: f64, top: f64) -> Vec<Position> {
    const PARTS: i32 = 6;
    let part = |from: f64, to: f64, at: i32| from + (to - from) * f64::from(at) / f64::from(PARTS);
    let mut ring = Vec::new();
    ring.extend((0..PARTS).map(|at| (part(left, right, at), bottom)));
    ring.extend((0..PARTS).map(|at| (right, part(bottom, top, at))));
    ring.extend((0..PARTS).map(|at| (part(right, left, at), top)));
    ring.extend((0..PARTS).map(|at| (left, part(top, bottom, at))));
    ring.push(ring[0]);
    ring
}

/// A position on the ground, in metres: the grid, bent.
pub(crate) fn bend((u, v): Position) -> Position {
    (u + 25.0 * (v / 310.0 + 0.3).sin(), v + 20.0 * (u / 270.0).sin())
}

/// Longitude and latitude (GDA94) of a position on the grid, to a millimetre.
pub(crate) fn degrees(position: Position) -> Position {
    let (x, y) = bend(position);
    let round = |degrees: f64| (degrees * 1e8).round() / 1e8;
    (round(ORIGIN.0 + x / DEGREE_METRES.0), round(ORIGIN.1 + y / DEGREE_METRES.1))
}

/// The area of a lot on the ground, in square metres.
pub(crate) fn area(rings: &[Vec<Position>]) -> f64 {
    let ring_area = |ring: &Vec<Position>| {
        let bent: Vec<Position> = ring.iter().map(|&position| bend(position)).collect();
        let cross = |pair: &[Position]| pair[0].0 * pair[1].1 - pair[1].0 * pair[0].1;
        bent.windows(2).map(cross).sum::<f64>() / 2.0
    };
    rings.iter().map(ring_area).sum()
}
