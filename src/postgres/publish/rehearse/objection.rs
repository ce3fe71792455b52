//! Why a table does not take a row, as a rejection of its record.

use crate::postgres::{
    caught::{MISCOUNTED, Refused},
    sql::quote_literal,
};

/// A record whose row the table does not take.
pub(super) struct Offender {
    target: usize,
    ordinal: i64,
    code: &'static str,
    column: String,
    message: String,
}

impl Offender {
    pub(super) fn new(target: usize, ordinal: i64, refused: Refused) -> Self {
        let (code, column, message) = described(refused);
        Self { target, ordinal, code, column, message }
    }

    /// As a row of `excluded`.
    pub(super) fn as_row(&self) -> String {
        format!(
            "({}, {}, 'rejected', '{}', {}, {})",
            self.target,
            self.ordinal,
            self.code,
            quote_literal(&self.column),
            quote_literal(&self.message)
        )
    }
}

/// Code, column and message of the rejection.
fn described(refused: Refused) -> (&'static str, String, String) {
    let code = refused.code().to_owned();
    let (is_raised, is_direct) = (refused.is_raised(), refused.is_direct());
    let refusal = refused.refusal;
    let column = refusal.column.unwrap_or_default();
    let named = |what: &str| match &refusal.constraint {
        Some(name) => format!("{what} `{name}`"),
        None => what.to_owned(),
    };
    let raised = || {
        let message = "a trigger or function of the table refuses the row with SQLSTATE";
        ("constraint.refused", format!("{message} {code}"))
    };
    let (rejection, message) = match code.as_str() {
        MISCOUNTED => {
            let message = "a trigger or a row-level policy keeps the row from being written";
            ("constraint.refused", message.to_owned())
        }
        _ if is_raised => raised(),
        "23502" => ("rule.not_null", "the column does not accept NULL".to_owned()),
        "23503" => ("constraint.foreign_key", named("the row breaks the foreign key")),
        "23505" => {
            ("constraint.unique", named("another row has the same values: unique constraint"))
        }
        "23P01" => {
            ("constraint.exclusion", named("another row stands against it: exclusion constraint"))
        }
        "23514" if refusal.constraint.is_none() => {
            ("constraint.partition", "no partition of the table takes it".to_owned())
        }
        "23514" => ("constraint.check", named("the row breaks the constraint")),
        "42501" => {
            ("constraint.policy", "a row-level policy of the table does not allow it".to_owned())
        }
        "54000" if refusal.constraint.is_some() => (
            "constraint.index",
            format!("{} with SQLSTATE {code}", named("the row is too large for the index")),
        ),
        _ if is_direct => {
            let message =
                "an index, a generated column or a constraint of the table fails for the row";
            ("constraint.refused", format!("{message} with SQLSTATE {code}"))
        }
        _ => raised(),
    };
    (rejection, column, message)
}
/// Whether a row's values are to blame. 42501 is a policy's as well as a missing privilege's.
pub(super) fn is_about_a_row(refused: &Refused, has_policies: bool) -> bool {
    !refused.is_of_server() || (has_policies && refused.code() == "42501")
}

/// Whether it may be taken once other rows are written: one it refers to, one that gives up
/// what it takes.
pub(super) fn may_wait(refused: &Refused) -> bool {
    ["23503", "23505", "23P01"].contains(&refused.code())
}
