//! `limits.undo`: for how long a run can be taken back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// For how long a run can be undone where the pipeline does not say.
const HOURS_DEFAULT: u32 = 7 * 24;

/// `"7 days"`, `"36 hours"`, or `false`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum UndoTime {
    /// `false`: runs cannot be undone; `true` is as if nothing were said.
    Whether(bool),
    /// So many hours or days.
    For(#[schemars(regex(pattern = r"^[1-9]\d{0,3} (hours?|days?)$"))] String),
}

/// The time in hours; `None` where nothing is kept.
pub fn undo_hours(time: Option<&UndoTime>) -> Option<u32> {
    match time {
        None | Some(UndoTime::Whether(true)) => Some(HOURS_DEFAULT),
        Some(UndoTime::Whether(false)) => None,
        Some(UndoTime::For(text)) => {
            let (count, unit) = text.split_once(' ')?;
            let count: u32 = count.parse().ok()?;
            Some(if unit.starts_with("day") { count * 24 } else { count })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_given_in_hours_or_days() {
        let hours = |text: &str| undo_hours(Some(&UndoTime::For(text.to_owned())));
        assert_eq!(
            (hours("36 hours"), hours("1 day"), hours("9999 days")),
            (Some(36), Some(24), Some(239_976))
        );
        assert_eq!(
            (undo_hours(None), undo_hours(Some(&UndoTime::Whether(false)))),
            (Some(168), None)
        );
    }
}
