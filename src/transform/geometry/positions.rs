//! Collects positions as text notations give them: numbers first, dimensions found on the way.

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::{
    fault::GeometryFault,
    shape::{Dimensions, Path, Xy},
    wkb_read::mixed_dimensions,
};

/// Positions under construction; one for all paths of a geometry.
pub(super) struct Positions<'a> {
    arena: &'a Bump,
    xy: ArenaVec<'a, Xy>,
    extra: ArenaVec<'a, f64>,
    /// Settled by the notation's own mark or by the first position.
    pub(super) dimensions: Option<Dimensions>,
}

impl<'a> Positions<'a> {
    pub(super) fn new(arena: &'a Bump) -> Self {
        let (xy, extra) = (ArenaVec::new_in(arena), ArenaVec::new_in(arena));
        Self { arena, xy, extra, dimensions: None }
    }

    /// Adds a position of two to four numbers.
    pub(super) fn push(&mut self, numbers: &[f64]) -> Result<(), GeometryFault> {
        let dimensions = *self
            .dimensions
            .get_or_insert(Dimensions { z: numbers.len() > 2, m: numbers.len() > 3 });
        if numbers.len() != 2 + dimensions.extra() {
            return Err(mixed_dimensions());
        }
        self.xy.push(Xy { x: numbers[0], y: numbers[1] });
        self.extra.extend_from_slice_copy(&numbers[2..]);
        Ok(())
    }

    /// Ends a path with the positions pushed since the last one.
    pub(super) fn take_path(&mut self) -> Path<'a> {
        let xy = std::mem::replace(&mut self.xy, ArenaVec::new_in(self.arena));
        let extra = std::mem::replace(&mut self.extra, ArenaVec::new_in(self.arena));
        Path { xy: xy.into_bump_slice_mut(), extra: extra.into_bump_slice() }
    }
}
