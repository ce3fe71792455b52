//! Why one value does not fit its column.

use std::borrow::Cow;

/// Why a value does not fit its column; it holds no data and may be shown anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseFault {
    /// The stable code, `family.rule` (`type.integer`, `length.max`).
    pub code: &'static str,
    /// What is wrong, as a short sentence that holds no data.
    pub message: Cow<'static, str>,
}

impl ParseFault {
    pub(super) const fn new(code: &'static str, message: &'static str) -> Self {
        Self { code, message: Cow::Borrowed(message) }
    }

    pub(super) const fn owned(code: &'static str, message: String) -> Self {
        Self { code, message: Cow::Owned(message) }
    }

    /// Names the step that helps, where blanks around the value may be the reason.
    #[cold]
    pub(super) fn hinting_at_blanks(mut self, text: &str) -> Self {
        if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
            let hint = "; there are blanks around it, which the step `trim` removes";
            self.message = Cow::Owned(format!("{}{hint}", self.message));
        }
        self
    }

    /// Says which element of an array it is about, from 1.
    #[cold]
    pub(super) fn of_element(mut self, position: usize) -> Self {
        self.message = Cow::Owned(format!("element {position}: {}", self.message));
        self
    }
}

impl From<crate::transform::geometry::GeometryFault> for ParseFault {
    fn from(fault: crate::transform::geometry::GeometryFault) -> Self {
        Self { code: fault.code, message: fault.message }
    }
}
