//! Standard output and standard error, either of which may be closed, or a file on a full disk.
//!
//! `println!` panics then, in the middle of a load or after it was published. Here nothing does:
//! a reader that has seen enough (`| head`) is no error, and data that could not be written are
//! one that the command ends with, if it has not another already.

use std::{
    io::{self, ErrorKind, Write},
    sync::OnceLock,
};

/// Why standard output took no more, the first time.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Writes data.
pub(super) fn output(text: &str) {
    let mut stream = io::stdout().lock();
    if let Err(error) = stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error);
    }
}

/// Writes words for people; where they cannot be written there is nobody to tell.
pub(super) fn words(text: &str) {
    let mut stream = io::stderr().lock();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Why data that were printed did not arrive, if they did not.
pub(super) fn lost() -> Option<&'static io::Error> {
    LOST.get()
}
