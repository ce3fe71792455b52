//! Whether the rings that touch cut a part's interior in two.
//!
//! Rings and the positions where they touch are the nodes of a graph, joined
//! where a ring passes a position. The interior is connected exactly when that
//! graph has no cycle: two rings that touch twice are the shortest one.

use bumpalo::collections::Vec as ArenaVec;

use super::{
    super::fault::GeometryFault,
    area::{Area, lexicographic},
    crossing::Touch,
};

/// Fails when rings of one part touch in a cycle.
pub(super) fn judge(
    area: &Area<'_>,
    mut touches: ArenaVec<'_, Touch>,
) -> Result<(), GeometryFault> {
    if touches.len() < 2 {
        return Ok(());
    }
    touches.sort_by(|a, b| lexicographic(a.at, b.at).then(a.rings.cmp(&b.rings)));
    let mut sets: Vec<usize> = (0..area.rings.len()).collect();
    for at in touches.chunk_by(|a, b| a.at == b.at) {
        let mut rings: Vec<usize> =
            at.iter().flat_map(|touch| [touch.rings.0, touch.rings.1]).collect();
        rings.sort_unstable();
        // Rings of several parts may touch here; only those of one part make its cycle.
        rings.dedup();
        for part in rings.chunk_by(|&a, &b| area.rings[a].part == area.rings[b].part) {
            let position = sets.len();
            sets.push(position);
            if let Some(&ring) = part.iter().find(|&&ring| !unite(&mut sets, ring, position)) {
                let message = format!(
                    "rings of part {} touch so that its interior falls apart",
                    area.rings[ring].part + 1
                );
                return Err(GeometryFault::new("geometry.interior_disconnected", message));
            }
        }
    }
    Ok(())
}

/// Unites two sets; `false` when they are one already.
fn unite(sets: &mut [usize], a: usize, b: usize) -> bool {
    let (a, b) = (root(sets, a), root(sets, b));
    sets[a] = b;
    a != b
}

fn root(sets: &mut [usize], mut node: usize) -> usize {
    while sets[node] != node {
        sets[node] = sets[sets[node]];
        node = sets[node];
    }
    node
}
