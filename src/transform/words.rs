//! A few words that cells are compared with: NULL words, `null_if`.
//!
//! Lists are short and most cells differ from every word in length, which a
//! comparison of texts looks at first; a hash would cost more than it saves.

use bumpalo::Bump;

use crate::{batch::Cell, transform::render};

/// Words that mean something else than themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Words {
    /// Whether the empty text is one of them: by far the commonest.
    empty: bool,
    others: Vec<Box<str>>,
    /// Whether one of them could be a typed cell's text, so that typed cells have to be rendered.
    typed: bool,
}

impl Words {
    pub(super) fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut set = Self::default();
        for word in words {
            if word.is_empty() {
                set.empty = true;
            } else {
                set.typed |= may_be_typed(word);
                set.others.push(word.into());
            }
        }
        set
    }

    #[inline]
    pub(super) fn contains(&self, text: &str) -> bool {
        if text.is_empty() {
            return self.empty;
        }
        self.others.iter().any(|word| **word == *text)
    }

    /// Whether a cell is nothing, or one of the words; typed cells are compared as they are shown.
    #[inline]
    pub(super) fn contain_cell(&self, cell: Cell<'_>, arena: &Bump) -> bool {
        match cell {
            Cell::Absent => true,
            Cell::Text(text) | Cell::Error(text) => self.contains(text),
            Cell::Geometry(_) => false,
            _ if self.typed => self.contains(render::text(cell, arena)),
            _ => false,
        }
    }
}

/// Numbers, dates and truth values begin so; JSON is never a word.
fn may_be_typed(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        || matches!(word, "true" | "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_cells_and_words_in_any_type_are_found() {
        let arena = Bump::new();
        let words = Words::new(["", "N/A", "-999", "#N/A"]);
        let in_words = |cell| words.contain_cell(cell, &arena);
        for cell in [Cell::Absent, Cell::Text(""), Cell::Text("N/A"), Cell::Error("#N/A")] {
            assert!(in_words(cell), "{cell:?}");
        }
        assert!(in_words(Cell::Number("-999")) && in_words(Cell::Float(-999.0)));
        assert!(!in_words(Cell::Text("n/a")) && !in_words(Cell::Text(" ")));
        assert!(!in_words(Cell::Bool(false)) && !in_words(Cell::Number("0")));
        assert!(!Words::default().contains(""));
    }
}
