//! Polygons from a seed: plain ones, and those that provoke degeneracies.

/// A small generator of numbers; the same seed gives the same polygons everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

type Ring = Vec<(f64, f64)>;

/// The classes of geometries.
pub(super) const CLASSES: [&str; 8] =
    ["star", "tangle", "grid", "holes", "grid holes", "parts", "spikes", "large"];

/// A geometry of a class, as WKT.
pub(super) fn wkt(class: &str, random: &mut Random) -> String {
    match class {
        "star" => polygon(&[star(random, 40, (0.0, 0.0), 10.0)]),
        "tangle" => polygon(&[tangle(random)]),
        "grid" => polygon(&[grid(random, 6)]),
        "holes" => polygon(&with_holes(random)),
        "grid holes" => polygon(&grid_with_holes(random)),
        "parts" => parts(random),
        "spikes" => polygon(&[spiked(random)]),
        _ => large(random),
    }
}

fn polygon(rings: &[Ring]) -> String {
    format!("POLYGON{}", body(rings))
}

fn body(rings: &[Ring]) -> String {
    let ring = |ring: &Ring| {
        let closed = ring.iter().chain(ring.first());
        let positions: Vec<String> = closed.map(|(x, y)| format!("{x} {y}")).collect();
        format!("({})", positions.join(","))
    };
    format!("({})", rings.iter().map(ring).collect::<Vec<_>>().join(","))
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn star(random: &mut Random, corners_max: u64, (x, y): (f64, f64), radius: f64) -> Ring {
    let corners = 3 + random.below(corners_max - 2);
    let at = |corner: u64, random: &mut Random| {
        let angle = std::f64::consts::TAU * (corner as f64 + random.unit() * 0.9) / corners as f64;
        let distance = radius * (0.3 + 0.7 * random.unit());
        (x + distance * angle.cos(), y + distance * angle.sin())
    };
    (0..corners).map(|corner| at(corner, random)).collect()
}

fn tangle(random: &mut Random) -> Ring {
    let corners = 3 + random.below(5);
    (0..corners).map(|_| (random.unit() * 10.0, random.unit() * 10.0)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn grid(random: &mut Random, size: u64) -> Ring {
    let corners = 3 + random.below(5);
    (0..corners).map(|_| (random.below(size) as f64, random.below(size) as f64)).collect()
}

fn with_holes(random: &mut Random) -> Vec<Ring> {
    let mut rings = vec![star(random, 24, (0.0, 0.0), 10.0)];
    for _ in 0..=random.below(3) {
        let centre = (random.unit() * 8.0 - 4.0, random.unit() * 8.0 - 4.0);
        let radius = 0.5 + random.unit() * 2.0;
        rings.push(star(random, 10, centre, radius));
    }
    rings
}

fn grid_with_holes(random: &mut Random) -> Vec<Ring> {
    let mut rings = vec![vec![(0.0, 0.0), (6.0, 0.0), (6.0, 6.0), (0.0, 6.0)]];
    for _ in 0..=random.below(2) {
        rings.push(grid(random, 7));
    }
    rings
}

fn parts(random: &mut Random) -> String {
    let count = 2 + random.below(2);
    let one = |random: &mut Random| {
        if random.chance(30) { body(&grid_with_holes(random)) } else { body(&[grid(random, 6)]) }
    };
    let parts: Vec<String> = (0..count).map(|_| one(random)).collect();
    format!("MULTIPOLYGON({})", parts.join(","))
}

/// A star with positions repeated, or left and come back to.
fn spiked(random: &mut Random) -> Ring {
    let mut ring = star(random, 12, (0.0, 0.0), 10.0);
    for _ in 0..=random.below(2) {
        let at = usize::try_from(random.below(ring.len() as u64)).expect("a small number");
        let (x, y) = ring[at];
        if random.chance(50) {
            ring.insert(at, (x, y));
        } else {
            ring.insert(at + 1, (x + 1.0, y + 2.0));
            ring.insert(at + 2, (x, y));
        }
    }
    ring
}

/// Where real parcels are: far from the origin, with millimetres.
fn large(random: &mut Random) -> String {
    let rings = match random.below(4) {
        0 => vec![tangle(random)],
        1 => with_holes(random),
        2 => grid_with_holes(random),
        _ => vec![spiked(random)],
    };
    let placed = |value: f64, origin: f64| (origin * 1000.0 + (value * 1000.0).round()) / 1000.0;
    let moved: Vec<Ring> = rings
        .iter()
        .map(|ring| {
            ring.iter().map(|(x, y)| (placed(*x, 300_000.0), placed(*y, 6_250_000.0))).collect()
        })
        .collect();
    polygon(&moved)
}
