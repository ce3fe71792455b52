//! Which side of each edge belongs to the geometry.
//!
//! A ring encloses what it winds round, in whichever direction. A part is what
//! its shell encloses less what its holes enclose; a hole that does not even
//! touch its shell is an island that lost its way. The geometry is all parts
//! together, so that parts that overlap or repeat each other are one.
//!
//! Winding numbers are carried from edge to edge round the nodes; each
//! connected drawing gets its first one from a ray that leaves it.

use super::{
    super::{
        fault::GeometryFault,
        validity::segment::{Ray, crosses_ray},
    },
    drawing::Drawing,
    node::Edge,
};

/// Rings times edges: seconds of work, for one geometry.
const STEPS_MAX: usize = 1_000_000_000;

/// Whether each half-edge has the geometry on its left. `parts` are the numbers of the rings of
/// each part, its shell first.
pub(super) fn insides(
    drawing: &Drawing,
    edges: &[Edge],
    parts: &[Vec<usize>],
) -> Result<Vec<bool>, GeometryFault> {
    let tour = Tour::new(drawing, edges)?;
    let rings: usize = parts.iter().map(Vec::len).sum();
    if rings.saturating_mul(edges.len()) > STEPS_MAX {
        return Err(too_much());
    }
    let mut inside = vec![false; drawing.origins.len()];
    for part in parts {
        let enclosed = tour.part(part);
        inside.iter_mut().zip(enclosed).for_each(|(all, part)| *all |= part);
    }
    Ok(inside)
}

fn too_much() -> GeometryFault {
    GeometryFault::new("geometry.repair_failed", "it has too many rings to be put together again")
}

/// An order in which all half-edges can be settled, the same for every ring.
struct Tour<'d> {
    drawing: &'d Drawing,
    edges: &'d [Edge],
    /// Half-edges whose left side is known when their turn comes, one for each node.
    entries: Vec<Entry>,
}

struct Entry {
    half: usize,
    /// For the first node of a connected drawing: the winding numbers on the half-edge's right.
    start: Option<Vec<(usize, i32)>>,
}

impl<'d> Tour<'d> {
    fn new(drawing: &'d Drawing, edges: &'d [Edge]) -> Result<Self, GeometryFault> {
        let mut tour = Self { drawing, edges, entries: Vec::with_capacity(drawing.nodes.len()) };
        let mut seen = vec![false; drawing.nodes.len()];
        let mut steps = 0_usize;
        // East of the last node of a connected drawing there is nothing of its own.
        for last in (0..drawing.nodes.len()).rev() {
            if seen[last] {
                continue;
            }
            steps = steps.saturating_add(edges.len());
            if steps > STEPS_MAX {
                return Err(too_much());
            }
            let start = Some(tour.east_of(last));
            tour.spread(Entry { half: drawing.leaving[last][0], start }, &mut seen);
        }
        Ok(tour)
    }

    /// The winding numbers just east of a node, those of 0 left out.
    fn east_of(&self, node: usize) -> Vec<(usize, i32)> {
        let mut sums: Vec<(usize, i32)> = Vec::new();
        for edge in self.edges {
            if crosses_ray(self.drawing.nodes[node], edge.segment) != Ray::Crossed {
                continue;
            }
            let upwards = edge.segment.from.y < edge.segment.to.y;
            for &(ring, step) in &edge.steps {
                let step = if upwards { step } else { -step };
                match sums.iter_mut().find(|(other, _)| *other == ring) {
                    Some((_, sum)) => *sum += step,
                    None => sums.push((ring, step)),
                }
            }
        }
        sums.retain(|&(_, sum)| sum != 0);
        sums
    }

    fn spread(&mut self, first: Entry, seen: &mut [bool]) {
        seen[self.drawing.origins[first.half]] = true;
        let mut next = self.entries.len();
        self.entries.push(first);
        while let Some(entry) = self.entries.get(next) {
            next += 1;
            let node = self.drawing.origins[entry.half];
            for &half in &self.drawing.leaving[node] {
                let end = self.drawing.origins[half ^ 1];
                if !std::mem::replace(&mut seen[end], true) {
                    self.entries.push(Entry { half: half ^ 1, start: None });
                }
            }
        }
    }

    /// What a part encloses.
    fn part(&self, rings: &[usize]) -> Vec<bool> {
        let mut enclosed = self.ring(rings[0]);
        if !enclosed.contains(&true) {
            return enclosed;
        }
        let boundary = self.nodes_of(rings[0]);
        let (mut holes, mut islands) = (Vec::new(), Vec::new());
        for &hole in &rings[1..] {
            let inside = self.ring(hole);
            let overlaps = inside.iter().zip(&enclosed).any(|(&hole, &shell)| hole && shell);
            let touches = self.nodes_of(hole).iter().zip(&boundary).any(|(&a, &b)| a && b);
            if overlaps || touches { holes.push(inside) } else { islands.push(inside) }
        }
        for hole in holes {
            enclosed.iter_mut().zip(hole).for_each(|(part, hole)| *part &= !hole);
        }
        for island in islands {
            enclosed.iter_mut().zip(island).for_each(|(part, island)| *part |= island);
        }
        enclosed
    }

    /// What a ring encloses: what it winds round at all.
    fn ring(&self, ring: usize) -> Vec<bool> {
        let mut left = vec![0; self.drawing.origins.len()];
        for entry in &self.entries {
            let mut winding = match &entry.start {
                Some(start) => {
                    let east = start.iter().find(|(other, _)| *other == ring);
                    east.map_or(0, |(_, winding)| *winding)
                }
                // The far half-edge is settled; its left is this one's right.
                None => left[entry.half ^ 1],
            };
            for half in self.drawing.round_from(entry.half) {
                winding += self.step(half, ring);
                left[half] = winding;
            }
        }
        left.into_iter().map(|winding| winding != 0).collect()
    }

    /// How much greater the ring's winding number is on the left of a half-edge.
    fn step(&self, half: usize, ring: usize) -> i32 {
        let steps = &self.edges[half / 2].steps;
        let step = steps.iter().find(|(other, _)| *other == ring).map_or(0, |(_, step)| *step);
        if half.is_multiple_of(2) { step } else { -step }
    }

    /// The nodes that a ring passes.
    fn nodes_of(&self, ring: usize) -> Vec<bool> {
        let mut passed = vec![false; self.drawing.nodes.len()];
        for (half, &origin) in self.drawing.origins.iter().enumerate() {
            passed[origin] |= self.step(half, ring) != 0;
        }
        passed
    }
}
