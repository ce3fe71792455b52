//! Random geometries that provoke every rule of validity, the same in every run.

use std::f64::consts::TAU;

/// A position.
pub(super) type Xy = (f64, f64);
/// A ring, closed.
pub(super) type Ring = Vec<Xy>;
/// A shell and its holes.
pub(super) type Polygon = Vec<Ring>;

/// SplitMix64: small, and good enough to draw polygons with.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn count(&mut self, low: u64, high: u64) -> usize {
        usize::try_from(low + self.below(high - low + 1)).expect("a small number")
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    fn grid(&mut self, size: u64) -> Xy {
        (self.below(size + 1) as f64, self.below(size + 1) as f64)
    }
}

fn closed(mut ring: Ring) -> Ring {
    ring.push(ring[0]);
    ring
}

/// A star-shaped ring: valid unless a later change breaks it.
pub(super) fn star(random: &mut Random, corners: usize, center: Xy, radius: f64) -> Ring {
    let mut angles: Vec<f64> = (0..corners).map(|_| random.between(0.0, TAU)).collect();
    angles.sort_by(f64::total_cmp);
    let corner = |angle: f64, random: &mut Random| {
        let distance = random.between(0.3, 1.0) * radius;
        (center.0 + distance * angle.cos(), center.1 + distance * angle.sin())
    };
    closed(angles.into_iter().map(|angle| corner(angle, random)).collect())
}

fn star_with_holes(random: &mut Random) -> Polygon {
    let corners = random.count(3, 40);
    let mut polygon = vec![star(random, corners, (0.0, 0.0), 100.0)];
    for _ in 0..random.count(0, 4) {
        let center = (random.between(-60.0, 60.0), random.between(-60.0, 60.0));
        let (corners, radius) = (random.count(3, 8), random.between(1.0, 40.0));
        polygon.push(star(random, corners, center, radius));
    }
    polygon
}

/// A star with one thing done to it that surveys and exports do.
fn disturbed_star(random: &mut Random) -> Polygon {
    let corners = random.count(4, 30);
    let mut ring = star(random, corners, (0.0, 0.0), 100.0);
    let at = random.count(1, corners as u64 - 1);
    let (a, b) = (ring[at], ring[at - 1]);
    let share = [0.0, 0.25, 0.5, 1.0, 1.5][random.count(0, 4)];
    let on_side = (a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1));
    match random.below(7) {
        0 => ring.insert(at, a),
        1 => ring.splice(at..at, [a, on_side]).for_each(drop),
        2 => ring.insert(at, on_side),
        3 => ring.swap(at, at.max(2) - 1),
        4 => {
            let other = ring[random.count(0, corners as u64 - 1)];
            ring.insert(at, other);
        }
        5 => ring.splice(at..at, [a, (a.0 * 1.5, a.1 * 1.5), a]).for_each(drop),
        _ => ring[at] = ring[random.count(0, corners as u64 - 1)],
    }
    let last = ring.len() - 1;
    ring[last] = ring[0];
    vec![ring]
}

fn grid_ring(random: &mut Random, size: u64, corners: usize) -> Ring {
    closed((0..corners).map(|_| random.grid(size)).collect())
}

fn grid_polygon(random: &mut Random) -> Polygon {
    let size = 2 + random.below(5);
    let corners = random.count(3, 9);
    vec![grid_ring(random, size, corners)]
}

/// A square with small rings that touch, share sides, nest, or lie outside.
fn grid_holes(random: &mut Random) -> Polygon {
    let size = 6;
    let shell = closed(vec![(0.0, 0.0), (6.0, 0.0), (6.0, 6.0), (0.0, 6.0)]);
    let mut polygon = vec![shell];
    for _ in 0..random.count(1, 4) {
        polygon.push(if random.below(2) == 0 {
            grid_ring(random, size, 3)
        } else {
            diamond(random, size)
        });
    }
    polygon
}

/// A small square on its corner: touches others at single positions often.
fn diamond(random: &mut Random, size: u64) -> Ring {
    let (x, y) = random.grid(size);
    closed(vec![(x - 1.0, y), (x, y - 1.0), (x + 1.0, y), (x, y + 1.0)])
}

fn rectangle(random: &mut Random, size: u64) -> Ring {
    let ((ax, ay), (bx, by)) = (random.grid(size), random.grid(size));
    let mut ring = vec![(ax, ay), (bx, ay), (bx, by), (ax, by)];
    if random.below(2) == 0 {
        ring.reverse();
    }
    closed(ring)
}

fn grid_parts(random: &mut Random) -> Vec<Polygon> {
    let part = |random: &mut Random| match random.below(5) {
        0 => vec![rectangle(random, 6)],
        1 => vec![grid_ring(random, 6, 3)],
        2 => vec![diamond(random, 6)],
        3 => vec![rectangle(random, 6), rectangle(random, 6)],
        _ => grid_holes(random),
    };
    (0..random.count(1, 4)).map(|_| part(random)).collect()
}

/// Shells in holes of shells, as islands in lakes.
fn nested_parts(random: &mut Random) -> Vec<Polygon> {
    let square =
        |low: f64, high: f64| closed(vec![(low, low), (high, low), (high, high), (low, high)]);
    let mut rings: Vec<Ring> = (0..random.count(2, 6))
        .map(|_| {
            let low = random.below(8) as f64;
            let high = 16.0 - random.below(8) as f64;
            let tilted = random.below(4) == 0;
            let middle = f64::midpoint(low, high);
            if tilted {
                closed(vec![(low, middle), (middle, low), (high, middle), (middle, high)])
            } else {
                square(low, high)
            }
        })
        .collect();
    if random.below(3) == 0 {
        rings.sort_by(|a, b| a[0].0.total_cmp(&b[0].0));
        return vec![rings];
    }
    let mut parts = Vec::new();
    while let Some(shell) = rings.pop() {
        let hole = if random.below(3) > 0 { rings.pop() } else { None };
        parts.push([Some(shell), hole].into_iter().flatten().collect());
    }
    parts
}

/// Holes that touch the shell and each other in chains, which may close into cycles.
fn chained_holes(random: &mut Random) -> Polygon {
    let size = 8.0;
    let shell = closed(vec![(0.0, 0.0), (size, 0.0), (size, size), (0.0, size)]);
    let mut polygon = vec![shell];
    let (mut x, mut y) = (1.0, 1.0 + random.below(7) as f64);
    for _ in 0..random.count(1, 6) {
        polygon.push(closed(vec![(x - 1.0, y), (x, y - 1.0), (x + 1.0, y), (x, y + 1.0)]));
        let (dx, dy) = [(2.0, 0.0), (0.0, 2.0), (0.0, -2.0), (1.0, 1.0), (3.0, 0.0), (2.0, 1.0)]
            [random.count(0, 5)];
        (x, y) = (x + dx, y + dy);
        if !(1.0..size).contains(&x) || !(1.0..size).contains(&y) {
            break;
        }
    }
    polygon
}

/// A walk over a grid along its lines: collinear overlaps, and parcels with many straight corners.
fn rectilinear(random: &mut Random) -> Polygon {
    let (mut x, mut y) = random.grid(8);
    let mut ring = vec![(x, y)];
    for step in 0..random.count(3, 20) {
        let length = random.below(7) as f64 - 3.0;
        if step % 2 == 0 {
            x += length
        } else {
            y += length
        }
        ring.push((x, y));
    }
    if random.below(2) == 0 {
        ring.push((ring[0].0, y));
    }
    vec![closed(ring)]
}

/// Rings beyond one level of the tree, now and then with two corners swapped.
fn large_star(random: &mut Random) -> Polygon {
    let corners = random.count(100, 900);
    let mut ring = star(random, corners, (0.0, 0.0), 1000.0);
    if random.below(2) == 0 {
        let at = random.count(1, corners as u64 - 2);
        ring.swap(at, at + 1);
    }
    vec![ring]
}

/// A hole whose corners lie on the shell's sides as nearly as floating point can say.
fn nearly_touching(random: &mut Random) -> Polygon {
    let corners = random.count(3, 8);
    let shell = star(random, corners, (0.0, 0.0), 100.0);
    let mut hole = Vec::new();
    for _ in 0..3 {
        let at = random.count(1, corners as u64);
        let (a, b) = (shell[at - 1], shell[at]);
        let share = random.unit();
        hole.push((a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1)));
    }
    if random.below(2) == 0 {
        hole[0] = (random.between(-20.0, 20.0), random.between(-20.0, 20.0));
        hole[1] = (random.between(-20.0, 20.0), random.between(-20.0, 20.0));
    }
    vec![shell, closed(hole)]
}

/// How many families [`case`] knows.
pub(super) const FAMILIES: u64 = 11;

/// One geometry of a family, in one of several coordinate ranges.
pub(super) fn case(random: &mut Random, family: u64) -> Vec<Polygon> {
    let mut parts = match family {
        0 => vec![star_with_holes(random)],
        1 => vec![disturbed_star(random)],
        2 => vec![grid_polygon(random)],
        3 => vec![grid_holes(random)],
        4 => grid_parts(random),
        5 => nested_parts(random),
        6 => vec![chained_holes(random)],
        7 => vec![rectilinear(random)],
        8 => vec![large_star(random)],
        9 => vec![nearly_touching(random)],
        _ => vec![grid_polygon(random), disturbed_star(random)],
    };
    settle(random, &mut parts);
    parts
}

/// As drawn; as projected coordinates in millimetres; scaled so that grid lines are no longer
/// exact; as degrees.
fn settle(random: &mut Random, parts: &mut [Polygon]) {
    let choice = random.below(5);
    let millimetres = |value: f64| (value * 1000.0).round() / 1000.0;
    let place = |(x, y): Xy| match choice {
        0 | 1 => (x, y),
        2 => (millimetres(300_000.0 + x), millimetres(6_250_000.0 + y)),
        3 => (300_000.123 + x * 0.1, 6_250_000.456 + y * 0.1),
        _ => (151.2 + x * 1e-5, -33.87 + y * 1e-5),
    };
    for ring in parts.iter_mut().flatten() {
        ring.iter_mut().for_each(|xy| *xy = place(*xy));
    }
}

/// A polygon, or a multipolygon of several parts, as WKB.
pub(super) fn wkb(parts: &[Polygon]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if parts.len() != 1 {
        bytes.extend([1, 6, 0, 0, 0]);
        bytes.extend(u32::try_from(parts.len()).expect("few parts").to_le_bytes());
    }
    for part in parts {
        bytes.extend([1, 3, 0, 0, 0]);
        bytes.extend(u32::try_from(part.len()).expect("few rings").to_le_bytes());
        for ring in part {
            bytes.extend(u32::try_from(ring.len()).expect("few positions").to_le_bytes());
            for (x, y) in ring {
                bytes.extend(x.to_le_bytes());
                bytes.extend(y.to_le_bytes());
            }
        }
    }
    bytes
}
