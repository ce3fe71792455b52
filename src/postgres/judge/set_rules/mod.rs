//! Rules on rows together, judged over the table as it will be.
//!
//! Each rule is one statement or a few over all rows: nothing is asked row by row. They come
//! after everything that judges records alone, since a record that is rejected is nobody's
//! neighbour. Who is rejected keeps its row of the table, so what that row may stand against is
//! judged once more until nobody else is rejected. What was rejected for a record that is itself
//! rejected afterwards stays rejected, which is the safe side.

mod area;
mod compared;
mod faces;
mod gap;
mod inside;
mod large_rim;
mod overlap;
mod parting;
mod reading;
mod rim;
mod rings;
mod rows;
mod spatial;
mod sweep;
mod total;

use self::reading::FoundRim;
use super::{Judge, Reason};
use crate::{
    error::Result,
    load::{LoadTarget, SetRule, SetRuleKind},
};

/// When rules look at the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Once all records have been judged alone.
    First,
    /// After that: rejected records keep their rows in the table, which stand against others.
    AfterRejections,
    /// When others may have written to the tables since: before a held run is published, or
    /// when publishing failed.
    Later,
}

impl Judge<'_> {
    /// Judges the target's rules on rows together, in the order of the plan.
    pub(super) async fn check_set_rules(&self, loads: &[LoadTarget], look: Look) -> Result<()> {
        // The rim of which outlines there is: until a record is rejected, whose outline goes.
        let mut rim: Option<((usize, &[usize]), FoundRim)> = None;
        for (at, rule) in self.load.set_rules.iter().enumerate() {
            if !self.is_judged_at(rule, look, loads).await? {
                continue;
            }
            let noted = Noted { warns: rule.warns };
            match &rule.says {
                SetRuleKind::Overlap { column, within, tolerance } => {
                    let among = (*column, &within[..]);
                    let with_rim = look == Look::First && self.needs_rim(at, among);
                    let found = self.check_overlaps(among, *tolerance, noted, with_rim).await?;
                    let found = found.rim.filter(|_| rule.warns || found.noted == 0);
                    rim = found.map(|rim| (among, rim));
                }
                SetRuleKind::Gap { column, within, tolerance, largest } => {
                    let among = (*column, &within[..]);
                    let between = (*tolerance, *largest);
                    let known = rim.take().filter(|(of, _)| *of == among).map(|(_, rim)| rim);
                    let again = known.clone().filter(|_| self.needs_rim(at, among));
                    let found = self.check_gaps(among, between, noted, (known, look)).await?;
                    let again = again.filter(|_| rule.warns || found == 0);
                    rim = again.map(|rim| (among, rim));
                }
                SetRuleKind::Area { column, declared, percent, tolerance } => {
                    let about = (*percent, *tolerance);
                    self.check_areas(*column, *declared, about, noted).await?;
                }
                SetRuleKind::Total { sql, by, equals, tolerance } => {
                    self.check_totals((sql, by), *equals, *tolerance, (noted, look)).await?;
                }
                SetRuleKind::Inside { .. } => self.check_inside(&rule.says, loads, noted).await?,
            }
        }
        Ok(())
    }

    /// Whether a rule may find something in this look at the rows. Warnings are of the first.
    async fn is_judged_at(&self, rule: &SetRule, look: Look, loads: &[LoadTarget]) -> Result<bool> {
        if look == Look::First || rule.warns {
            return Ok(look == Look::First);
        }
        Ok(match &rule.says {
            SetRuleKind::Area { .. } => false,
            _ if look == Look::Later => true,
            // A hole that a rejected record leaves is the matter of that record; to reject its
            // neighbours would make the hole larger, and so on.
            SetRuleKind::Gap { .. } => false,
            SetRuleKind::Overlap { .. } => self.has_row_back().await?,
            SetRuleKind::Total { .. } => true,
            SetRuleKind::Inside { table, .. } => loads.iter().any(|it| it.table.name == *table),
        })
    }

    /// Whether a later rule needs the rim of these outlines.
    fn needs_rim(&self, at: usize, among: (usize, &[usize])) -> bool {
        self.load.set_rules[at + 1..].iter().any(|rule| match &rule.says {
            SetRuleKind::Gap { column, within, .. } => among == (*column, &within[..]),
            _ => false,
        })
    }
}

/// What becomes of the records a rule finds.
#[derive(Clone, Copy)]
struct Noted {
    warns: bool,
}

impl Noted {
    /// The beginning of a statement that notes offenders: what follows are the columns from the
    /// ordinal on, in the order of the run's `excluded` table, but for the kind.
    fn insert(self, judge: &Judge<'_>) -> String {
        let table = match self.warns {
            true => judge.staging.warned(),
            false => judge.staging.excluded(),
        };
        format!(
            "insert into {table} (kind, target, ordinal, code, column_name, message, other_ordinal, other_key)
             select '{}', {}",
            if self.warns { "warning" } else { "rejected" },
            judge.target
        )
    }

    fn insert_with(self, judge: &Judge<'_>, reason: &Reason<'_>) -> String {
        format!("{}, s.{}, {}", self.insert(judge), super::ORDINAL, reason.as_columns())
    }
}
