//! Panics of other people's code that stand for an error: caught, and told as one.
//!
//! Whoever catches one tells people itself what happened, so that nobody is asked to report a
//! full disk.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

thread_local! {
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` where it panicked. What it changed until then must not be used again.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = CAUGHT.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(before);
    done.ok()
}

/// Whether a panic on this thread is told by whoever catches it.
pub fn are_caught() -> bool {
    CAUGHT.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_caught_is_left_untold() {
        assert!(!are_caught());
        assert_eq!(caught(are_caught), Some(true));
        assert_eq!(caught(|| -> u8 { panic!("the disk is full") }), None);
        assert!(!are_caught());
    }
}
