//! The areas that noded lines enclose by the even-odd rule.
//!
//! Every line separates inside from outside, so going round a node the two
//! alternate: one direction known at one node of a connected drawing settles
//! all of it. Rings are then walked with the inside on their left, always into
//! the nearest line that bounds the same inside, and cut where they pass a node
//! again: what comes out are shells and holes that touch at single positions.

use std::cmp::Ordering;

use super::super::{
    fault::GeometryFault,
    shape::Xy,
    validity::{
        comes_after, lexicographic,
        segment::{Location, Ray, Segment, crosses_ray, locate, side},
    },
};

/// Rays times lines: a minute of work is refused.
const RAY_STEPS_MAX: usize = 20_000_000_000;

type Ring = Vec<Xy>;

/// Each area as its shell, anticlockwise, and its holes, clockwise; rings without their last
/// position, which is the first.
pub(super) fn areas(edges: &[Segment]) -> Result<Vec<Vec<Ring>>, GeometryFault> {
    let mut drawing = Drawing::new(edges);
    drawing.find_insides(edges)?;
    let (mut areas, orphans) = drawing.walk()?;
    for hole in orphans {
        let shell = innermost(&areas, &hole).ok_or_else(inconsistent)?;
        areas[shell].push(hole);
    }
    Ok(areas)
}

fn inconsistent() -> GeometryFault {
    GeometryFault::new("geometry.repair_failed", "its lines do not separate inside from outside")
}

/// Half-edge `2 i` runs along edge `i`, `2 i + 1` against it.
struct Drawing {
    nodes: Vec<Xy>,
    /// Where each half-edge starts, as an index into `nodes`.
    origins: Vec<usize>,
    /// The half-edges that start at each node, anticlockwise.
    leaving: Vec<Vec<usize>>,
    /// Each half-edge's place in `leaving` of its origin.
    places: Vec<usize>,
    /// Whether the inside is on the left.
    inside: Vec<bool>,
}

impl Drawing {
    fn new(edges: &[Segment]) -> Self {
        let mut nodes: Vec<Xy> = edges.iter().flat_map(|edge| [edge.from, edge.to]).collect();
        nodes.sort_by(|a, b| lexicographic(*a, *b));
        nodes.dedup();
        let node = |xy: Xy| nodes.partition_point(|node| lexicographic(*node, xy).is_lt());
        let origins: Vec<usize> =
            edges.iter().flat_map(|edge| [node(edge.from), node(edge.to)]).collect();
        let mut leaving = vec![Vec::new(); nodes.len()];
        for (half, &origin) in origins.iter().enumerate() {
            leaving[origin].push(half);
        }
        let mut places = vec![0; origins.len()];
        for (origin, halves) in leaving.iter_mut().enumerate() {
            let end = |half: usize| nodes[origins[half ^ 1]];
            halves.sort_by(|&a, &b| anticlockwise(nodes[origin], end(a), end(b)));
            halves.iter().enumerate().for_each(|(place, &half)| places[half] = place);
        }
        let inside = vec![false; origins.len()];
        Self { nodes, origins, leaving, places, inside }
    }

    /// From the last node of each connected drawing: east of it there is nothing of its own.
    fn find_insides(&mut self, edges: &[Segment]) -> Result<(), GeometryFault> {
        let mut seen = vec![false; self.nodes.len()];
        let mut steps = 0_usize;
        for last in (0..self.nodes.len()).rev() {
            if seen[last] {
                continue;
            }
            steps = steps.saturating_add(edges.len());
            if steps > RAY_STEPS_MAX {
                return Err(GeometryFault::new("geometry.repair_failed", "it has too many parts"));
            }
            let at = self.nodes[last];
            let crossed = |edge: &&Segment| crosses_ray(at, **edge) == Ray::Crossed;
            let inside_east = edges.iter().filter(crossed).count() % 2 == 1;
            let first = self.leaving[last][0];
            self.inside[first] = !inside_east;
            self.spread(last, first, &mut seen)?;
        }
        Ok(())
    }

    /// Settles all nodes connected with `node`, of whose half-edges `known` is settled.
    fn spread(
        &mut self,
        node: usize,
        known: usize,
        seen: &mut [bool],
    ) -> Result<(), GeometryFault> {
        let mut waiting = vec![(node, known)];
        while let Some((node, known)) = waiting.pop() {
            if seen[node] {
                continue;
            }
            seen[node] = true;
            if self.leaving[node].len() % 2 == 1 {
                return Err(inconsistent());
            }
            let parity = self.inside[known] ^ (self.places[known] % 2 == 1);
            for (place, &half) in self.leaving[node].iter().enumerate() {
                self.inside[half] = parity ^ (place % 2 == 1);
                let twin = half ^ 1;
                let end = self.origins[twin];
                if seen[end] {
                    if self.inside[twin] == self.inside[half] {
                        return Err(inconsistent());
                    }
                } else {
                    self.inside[twin] = !self.inside[half];
                    waiting.push((end, twin));
                }
            }
        }
        Ok(())
    }

    /// All areas, and the holes that touch no shell.
    fn walk(&self) -> Result<(Vec<Vec<Ring>>, Vec<Ring>), GeometryFault> {
        let (mut areas, mut orphans) = (Vec::new(), Vec::new());
        let mut walked = vec![false; self.origins.len()];
        let mut on_path = vec![usize::MAX; self.nodes.len()];
        for start in 0..self.origins.len() {
            if walked[start] || !self.inside[start] {
                continue;
            }
            let loops = self.walk_from(start, &mut walked, &mut on_path);
            let (mut shells, mut holes): (Vec<_>, Vec<_>) =
                loops.into_iter().partition(is_anticlockwise);
            match (shells.pop(), shells.is_empty()) {
                (Some(shell), true) => {
                    let mut area = vec![shell];
                    area.append(&mut holes);
                    areas.push(area);
                }
                (None, _) => orphans.append(&mut holes),
                _ => return Err(inconsistent()),
            }
        }
        Ok((areas, orphans))
    }

    /// One walk round an inside, cut into rings wherever it passes a node again.
    fn walk_from(&self, start: usize, walked: &mut [bool], on_path: &mut [usize]) -> Vec<Ring> {
        let (mut rings, mut path) = (Vec::new(), Vec::new());
        let mut half = start;
        while !walked[half] {
            walked[half] = true;
            let origin = self.origins[half];
            self.push_node(origin, &mut path, on_path, &mut rings);
            half = self.next(half);
        }
        self.push_node(self.origins[start], &mut path, on_path, &mut rings);
        path.iter().for_each(|&node| on_path[node] = usize::MAX);
        rings
    }

    fn push_node(
        &self,
        node: usize,
        path: &mut Vec<usize>,
        on_path: &mut [usize],
        rings: &mut Vec<Ring>,
    ) {
        let before = on_path[node];
        if before == usize::MAX {
            on_path[node] = path.len();
            path.push(node);
            return;
        }
        let mut ring: Vec<usize> = path.drain(before + 1..).collect();
        ring.iter().for_each(|&passed| on_path[passed] = usize::MAX);
        ring.push(node);
        // Nodes are sorted: the least index is the least position. Starting there makes the
        // ring the same wherever the walk began.
        let least = (0..ring.len()).min_by_key(|&index| ring[index]).unwrap_or(0);
        ring.rotate_left(least);
        rings.push(ring.into_iter().map(|node| self.nodes[node]).collect());
    }

    /// The next half-edge round the same inside: the first one clockwise from the way back.
    fn next(&self, half: usize) -> usize {
        let back = half ^ 1;
        let leaving = &self.leaving[self.origins[back]];
        let place = self.places[back];
        leaving[if place == 0 { leaving.len() - 1 } else { place - 1 }]
    }
}

fn anticlockwise(origin: Xy, a: Xy, b: Xy) -> Ordering {
    if comes_after(origin, a, b) {
        Ordering::Greater
    } else if comes_after(origin, b, a) {
        Ordering::Less
    } else {
        Ordering::Equal
    }
}

/// Whether a ring that starts at its least position turns left there.
fn is_anticlockwise(ring: &Ring) -> bool {
    let (first, second, last) = (ring[0], ring[1 % ring.len()], ring[ring.len() - 1]);
    side(last, first, second) == Ordering::Greater
}

/// The smallest area whose shell has the hole inside; shells round one hole lie in each other.
fn innermost(areas: &[Vec<Ring>], hole: &Ring) -> Option<usize> {
    let around = (0..areas.len()).filter(|&index| surrounds(&areas[index][0], hole[0]));
    around.min_by(|&a, &b| extent(&areas[a][0]).total_cmp(&extent(&areas[b][0])))
}

/// A ring's area, doubled.
fn extent(ring: &Ring) -> f64 {
    let origin = ring[0];
    let corner =
        |a: &Xy, b: &Xy| (a.x - origin.x) * (b.y - origin.y) - (b.x - origin.x) * (a.y - origin.y);
    ring.windows(2).map(|pair| corner(&pair[0], &pair[1])).sum::<f64>().abs()
}

fn surrounds(shell: &Ring, xy: Xy) -> bool {
    let next = shell.iter().cycle().skip(1);
    let sides: Vec<Segment> =
        shell.iter().zip(next).map(|(&from, &to)| Segment { from, to }).collect();
    locate(xy, &sides) == Location::Inside
}
