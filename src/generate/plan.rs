//! Which records are faulty, and how: each kind of fault has its share of them, evenly spread.
//!
//! A kind of fault is a line in a table: what it is called, what a run finds, and what it does
//! to a sound record. The records themselves know nothing of faults, but where a fault is one
//! of several records together.

use std::collections::BTreeMap;

/// Which share of records has each kind of fault.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shares {
    each: f64,
    of: BTreeMap<String, f64>,
}

impl Shares {
    /// The same share, 0.0 ..= 1.0, for each kind.
    #[must_use]
    pub fn each(share: f64) -> Self {
        Self { each: share, of: BTreeMap::new() }
    }

    /// Another share for one kind, by its name.
    #[must_use]
    pub fn with(mut self, kind: &str, share: f64) -> Self {
        self.of.insert(kind.to_owned(), share);
        self
    }

    /// Kinds that have a share of their own.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        self.of.keys().map(String::as_str)
    }

    fn of(&self, kind: &str) -> f64 {
        self.of.get(kind).copied().unwrap_or(self.each)
    }
}

/// What a run makes of a faulty record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is rejected, with one violation of this code.
    Rejected(&'static str),
    /// It is rejected, with so many violations of this code.
    RejectedTimes(&'static str, u64),
    /// It is loaded after its outline was made valid.
    Repaired,
    /// It is loaded, with a warning of this code.
    Warned(&'static str),
    /// It is loaded, and the file as a whole has a warning of this code, once.
    FileWarned(&'static str),
    /// It is a copy of the record before it.
    Duplicate,
    /// It has the key of the record before it and says something else: both are rejected.
    Conflict,
}

impl Found {
    /// Whether the record cannot even be taken apart.
    pub(super) fn is_of_the_whole(self) -> bool {
        let families = ["csv.", "encoding.", "sheet.", "json."];
        match self {
            Found::Rejected(code) => {
                code != "sheet.error" && families.iter().any(|family| code.starts_with(family))
            }
            _ => false,
        }
    }

    /// Whether it is made of the record before it.
    pub(super) fn repeats(self) -> bool {
        matches!(self, Found::Duplicate | Found::Conflict)
    }
}

/// A kind of fault of a record `R`.
pub(super) struct Fault<R> {
    pub(super) name: &'static str,
    pub(super) found: Found,
    /// Spoils a sound record, of which the place is told.
    pub(super) edit: fn(&mut R, u64),
}

impl<R> Fault<R> {
    /// One that is rejected.
    pub(super) const fn new(name: &'static str, code: &'static str, edit: fn(&mut R, u64)) -> Self {
        Self { name, found: Found::Rejected(code), edit }
    }

    /// One that is found otherwise.
    pub(super) const fn found(name: &'static str, found: Found, edit: fn(&mut R, u64)) -> Self {
        Self { name, found, edit }
    }

    /// The record before it once more.
    pub(super) const fn again(name: &'static str) -> Self {
        Self { name, found: Found::Duplicate, edit: |_, _| {} }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

/// Which fault each record has.
pub(super) struct FaultPlan<R: 'static> {
    kinds: Vec<&'static Fault<R>>,
    /// Kinds in turn, by their places: those with a larger share come oftener.
    turns: Vec<usize>,
    /// One of so many records is faulty; 0 where none is.
    step: u64,
}

/// A kind has at most so many turns before the rarest has its second one.
const MOST_TURNS: f64 = 1000.0;

impl<R> FaultPlan<R> {
    /// So that each kind has about its share of the records, and no two faulty ones are
    /// neighbours: where the shares are too large for that, they are made smaller together.
    pub(super) fn new(shares: &Shares, groups: &[&'static [Fault<R>]]) -> Self {
        let kinds: Vec<&'static Fault<R>> = groups.iter().copied().flatten().collect();
        let of: Vec<f64> = kinds.iter().map(|kind| shares.of(kind.name)).collect();
        let rarest = of.iter().copied().filter(|share| *share > 0.0).fold(f64::MAX, f64::min);
        let weights: Vec<u64> =
            of.iter().map(|share| whole((share / rarest).min(MOST_TURNS))).collect();
        let total: f64 = of.iter().sum();
        let step = if total > 0.0 { whole(1.0 / total).max(2) } else { 0 };
        Self { kinds, turns: turns(&weights), step }
    }

    /// The fault of the record at a place from 0.
    pub(super) fn at(&self, place: u64) -> Option<&'static Fault<R>> {
        // The first one is sound, so that every faulty record has one before it.
        let place = place.checked_sub(1)?;
        let slot = place.checked_div(self.step)?;
        // Somewhere in the slot, so that faults do not stand in one column of a grid, but never
        // at its end, where the next slot's may follow.
        let offset = slot.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        if place % self.step != offset % (self.step - 1) {
            return None;
        }
        let turn = usize::try_from(slot % self.turns.len() as u64).ok()?;
        self.kinds.get(*self.turns.get(turn)?).copied()
    }

    /// Names of all kinds.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().map(|kind| kind.name)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, not negative, and far below 2^53"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// Each kind as often as its weight, spread evenly: at each turn the one that is most behind.
fn turns(weights: &[u64]) -> Vec<usize> {
    let total: u64 = weights.iter().sum();
    let mut had = vec![0_u64; weights.len()];
    let mut turns = Vec::new();
    for turn in 1..=total {
        // What it should have had by now less what it had, times the total.
        let behind =
            |kind: &usize| i128::from(turn * weights[*kind]) - i128::from(had[*kind] * total);
        let open = (0..weights.len()).filter(|kind| had[*kind] < weights[*kind]);
        // Of equals the first, so that every kind has a turn before any has two.
        let Some(next) = open.rev().max_by_key(behind) else { break };
        had[next] += 1;
        turns.push(next);
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[Fault<()>] = &[
        Fault::new("a", "rule.a", |(), _| {}),
        Fault::new("b", "rule.b", |(), _| {}),
        Fault::new("c", "rule.c", |(), _| {}),
    ];

    fn found(shares: &Shares, places: u64) -> Vec<Option<&'static str>> {
        let plan = FaultPlan::new(shares, &[KINDS]);
        (0..places).map(|place| plan.at(place).map(|fault| fault.name)).collect()
    }

    fn count(found: &[Option<&str>], kind: &str) -> usize {
        found.iter().filter(|at| **at == Some(kind)).count()
    }

    #[test]
    fn each_kind_has_its_share_and_no_two_stand_side_by_side() {
        let found = found(&Shares::each(0.01), 9901);
        for kind in ["a", "b", "c"] {
            assert_eq!(count(&found, kind), 100, "{kind}");
        }
        assert!(found.windows(2).all(|two| two[0].is_none() || two[1].is_none()));
    }

    #[test]
    fn a_kind_can_have_a_share_of_its_own() {
        let shares = Shares::each(0.01).with("a", 0.03).with("c", 0.0);
        let found = found(&shares, 10_001);
        assert_eq!(["a", "b", "c"].map(|kind| count(&found, kind)), [300, 100, 0]);
    }

    #[test]
    fn no_share_no_fault_and_too_large_ones_are_made_smaller() {
        assert!(found(&Shares::each(0.0), 100).iter().all(Option::is_none));
        let found = found(&Shares::each(0.9), 601);
        assert_eq!(["a", "b", "c"].map(|kind| count(&found, kind)), [100; 3]);
        assert!(found.windows(2).all(|two| two[0].is_none() || two[1].is_none()));
    }
}
