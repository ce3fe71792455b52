//! Which segments may meet: pairs whose rectangles do.
//!
//! Segments that follow each other in a ring lie near each other, so runs of
//! eight, runs of those, and so on make a tree of rectangles without any
//! sorting. Joining the tree with itself visits few pairs for any real ring
//! and needs no more than the segments' own order.

use std::ops::ControlFlow;

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::segment::{Rectangle, Segment};

/// Segments in a run, and runs in a run of runs.
const FAN: usize = 8;

/// Rectangles of runs, of runs of runs and so on; the last level has one.
pub(in super::super) struct SegmentTree<'s, 'a> {
    segments: &'s [Segment],
    levels: ArenaVec<'a, &'a [Rectangle]>,
}

impl<'s, 'a> SegmentTree<'s, 'a> {
    pub(in super::super) fn new(segments: &'s [Segment], arena: &'a Bump) -> Self {
        let mut levels = ArenaVec::new_in(arena);
        let runs = segments.len().div_ceil(FAN);
        let mut below: &[Rectangle] = arena.alloc_slice_fill_with(runs, |run| {
            let segments = &segments[run * FAN..segments.len().min((run + 1) * FAN)];
            segments
                .iter()
                .fold(Rectangle::NOTHING, |all, segment| all.with(segment.from).with(segment.to))
        });
        levels.push(below);
        while below.len() > 1 {
            let groups = below.chunks(FAN);
            let above = arena
                .alloc_slice_fill_iter(groups.map(|group| {
                    group.iter().fold(Rectangle::NOTHING, |all, one| all.union(*one))
                }));
            levels.push(above);
            below = above;
        }
        Self { segments, levels }
    }

    /// Calls `visit` with the indexes of every two segments whose rectangles meet, the lower
    /// index first, until it breaks.
    pub(in super::super) fn pairs<B>(
        &self,
        visit: &mut impl FnMut(usize, usize) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if self.segments.is_empty() {
            return ControlFlow::Continue(());
        }
        self.join_self(self.levels.len() - 1, 0, visit)
    }

    fn join_self<B>(
        &self,
        level: usize,
        node: usize,
        visit: &mut impl FnMut(usize, usize) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if level == 0 {
            return self.join_run(node, visit);
        }
        let children = self.children(level, node);
        for first in children.clone() {
            self.join_self(level - 1, first, visit)?;
            for second in first + 1..children.end {
                self.join(level - 1, first, second, visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Joins two different nodes of one level, `a` before `b`.
    fn join<B>(
        &self,
        level: usize,
        a: usize,
        b: usize,
        visit: &mut impl FnMut(usize, usize) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let (rectangle_a, rectangle_b) = (self.levels[level][a], self.levels[level][b]);
        if !rectangle_a.meets(&rectangle_b) {
            return ControlFlow::Continue(());
        }
        if level == 0 {
            return self.join_runs(a, b, visit);
        }
        for first in self.children(level, a) {
            if self.levels[level - 1][first].meets(&rectangle_b) {
                for second in self.children(level, b) {
                    self.join(level - 1, first, second, visit)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn children(&self, level: usize, node: usize) -> std::ops::Range<usize> {
        node * FAN..self.levels[level - 1].len().min((node + 1) * FAN)
    }

    fn run(&self, run: usize) -> std::ops::Range<usize> {
        run * FAN..self.segments.len().min((run + 1) * FAN)
    }

    fn join_run<B>(
        &self,
        run: usize,
        visit: &mut impl FnMut(usize, usize) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let range = self.run(run);
        for first in range.clone() {
            let rectangle = self.segments[first].rectangle();
            for second in first + 1..range.end {
                if rectangle.meets(&self.segments[second].rectangle()) {
                    visit(first, second)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn join_runs<B>(
        &self,
        a: usize,
        b: usize,
        visit: &mut impl FnMut(usize, usize) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let rectangle_b = self.levels[0][b];
        for first in self.run(a) {
            let rectangle = self.segments[first].rectangle();
            if !rectangle.meets(&rectangle_b) {
                continue;
            }
            for second in self.run(b) {
                if rectangle.meets(&self.segments[second].rectangle()) {
                    visit(first, second)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::shape::Xy, *};
    use proptest::prelude::*;

    fn all_pairs(segments: &[Segment]) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for first in 0..segments.len() {
            for second in first + 1..segments.len() {
                if segments[first].rectangle().meets(&segments[second].rectangle()) {
                    pairs.push((first, second));
                }
            }
        }
        pairs
    }

    proptest! {
        #[test]
        fn the_tree_finds_the_pairs_that_a_plain_search_finds(
            numbers in prop::collection::vec(prop::array::uniform4(0..40i32), 0..700)
        ) {
            let xy = |x, y| Xy { x: f64::from(x), y: f64::from(y) };
            let segments: Vec<Segment> = numbers
                .iter()
                .map(|&[x, y, dx, dy]| Segment { from: xy(x, y), to: xy(x + dx / 8, y + dy / 8) })
                .collect();
            let arena = Bump::new();
            let mut found = Vec::new();
            let _ = SegmentTree::new(&segments, &arena).pairs(&mut |first, second| {
                found.push((first, second));
                ControlFlow::<()>::Continue(())
            });
            found.sort_unstable();
            prop_assert_eq!(found, all_pairs(&segments));
        }
    }
}
