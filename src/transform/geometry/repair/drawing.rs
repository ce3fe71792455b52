//! Nodes and the edges between them, in order round each node.

use std::cmp::Ordering;

use super::super::{
    shape::Xy,
    validity::{comes_after, lexicographic, segment::Segment},
};

/// A planar drawing. Half-edge `2 i` runs along edge `i`, `2 i + 1` against it; `half ^ 1` is
/// the way back.
pub(super) struct Drawing {
    /// Sorted, so that a lesser index is a lesser position.
    pub(super) nodes: Vec<Xy>,
    /// Where each half-edge starts, as an index into `nodes`.
    pub(super) origins: Vec<usize>,
    /// The half-edges that start at each node, anticlockwise from the x axis.
    pub(super) leaving: Vec<Vec<usize>>,
    /// Each half-edge's place in `leaving` of its origin.
    places: Vec<usize>,
}

impl Drawing {
    /// `edges` meet at their ends only, and no two are the same.
    pub(super) fn new(edges: &[Segment]) -> Self {
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
        Self { nodes, origins, leaving, places }
    }

    /// The next half-edge round the area on the left: the first one clockwise from the way back.
    pub(super) fn next(&self, half: usize) -> usize {
        let back = half ^ 1;
        let leaving = &self.leaving[self.origins[back]];
        let place = self.places[back];
        leaving[if place == 0 { leaving.len() - 1 } else { place - 1 }]
    }

    /// The half-edges that leave its origin, anticlockwise, this one first.
    pub(super) fn round_from(&self, half: usize) -> impl Iterator<Item = usize> {
        let leaving = &self.leaving[self.origins[half]];
        let (before, from) = leaving.split_at(self.places[half]);
        from.iter().chain(before).copied()
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
