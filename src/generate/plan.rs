//! Which records are faulty: each kind of fault has its share of them, evenly spread.

/// Which fault each record has.
pub(super) struct FaultPlan<F: 'static> {
    kinds: &'static [F],
    /// After so many records it begins again; 0 where there are no faults.
    period: u64,
}

impl<F: Copy> FaultPlan<F> {
    /// So that each kind has about `share` of the records.
    pub(super) fn new(share: f64, kinds: &'static [F]) -> Self {
        let every = if share > 0.0 { (1.0 / share).round() } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rounded, not negative, and far below 2^53"
        )]
        let period = every as u64;
        // Neighbours are never both faulty.
        let least = 2 * kinds.len() as u64;
        Self { kinds, period: if period == 0 { 0 } else { period.max(least) } }
    }

    /// The fault of the record at a place from 0.
    pub(super) fn at(&self, place: u64) -> Option<F> {
        if self.period == 0 {
            return None;
        }
        let step = self.period / self.kinds.len() as u64;
        let slot = place % self.period;
        let is_faulty = slot % step == step - 1;
        let kind = usize::try_from(slot / step).ok()?;
        self.kinds.get(kind).copied().filter(|_| is_faulty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_share_and_no_two_stand_side_by_side() {
        let plan = FaultPlan::new(0.01, &['a', 'b', 'c']);
        let found: Vec<Option<char>> = (0..1000).map(|place| plan.at(place)).collect();
        for kind in ['a', 'b', 'c'] {
            assert_eq!(found.iter().filter(|at| **at == Some(kind)).count(), 10);
        }
        assert!(found.windows(2).all(|two| two[0].is_none() || two[1].is_none()));
        assert!((0..9).all(|place| FaultPlan::new(0.0, &['a']).at(place).is_none()));
    }
}
