//! The areas that lie on the left of edges, as polygons.
//!
//! Rings are walked with the inside on their left, always into the nearest edge
//! that bounds the same inside, and cut where they pass a node again: what comes
//! out are shells and holes that touch at single positions, as validity wants.

use std::cmp::Ordering;

use super::{
    super::{
        fault::GeometryFault,
        shape::Xy,
        validity::segment::{Location, Segment, locate, side},
    },
    drawing::Drawing,
};

pub(super) type Ring = Vec<Xy>;

/// Each area as its shell, anticlockwise, and its holes, clockwise; rings without their last
/// position, which is the first. `inside` says of each half-edge what lies on its left; it
/// differs between the two sides of every edge.
pub(super) fn areas(drawing: &Drawing, inside: &[bool]) -> Result<Vec<Vec<Ring>>, GeometryFault> {
    let (mut areas, orphans) = Faces { drawing, inside }.walk()?;
    for hole in orphans {
        let shell = innermost(&areas, &hole).ok_or_else(inconsistent)?;
        areas[shell].push(hole);
    }
    Ok(areas)
}

fn inconsistent() -> GeometryFault {
    GeometryFault::new("geometry.repair_failed", "its lines do not separate inside from outside")
}

struct Faces<'d> {
    drawing: &'d Drawing,
    inside: &'d [bool],
}

impl Faces<'_> {
    /// All areas, and the holes that touch no shell.
    fn walk(&self) -> Result<(Vec<Vec<Ring>>, Vec<Ring>), GeometryFault> {
        let (mut areas, mut orphans) = (Vec::new(), Vec::new());
        let mut walked = vec![false; self.drawing.origins.len()];
        let mut on_path = vec![usize::MAX; self.drawing.nodes.len()];
        for start in 0..self.drawing.origins.len() {
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
            let origin = self.drawing.origins[half];
            self.push_node(origin, &mut path, on_path, &mut rings);
            half = self.drawing.next(half);
        }
        self.push_node(self.drawing.origins[start], &mut path, on_path, &mut rings);
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
        rings.push(ring.into_iter().map(|node| self.drawing.nodes[node]).collect());
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
